"""Every row of the paper's tables and figures, at the paper's scale or small, and which rows an experiment compares.

python -m srn_jax.main --config=configs/ablation.py:ROW[,small]
"""

from dataclasses import dataclass

from srn_jax.config import Config, resolve, set_settings
from srn_jax.errors import InputError, pick

_BEFORE: dict[str, object] = {"adversarial.steps": 0}  # reconstruction alone
_HINGE: dict[str, object] = {"loss.adversarial": "hinge", "critic.updates": 1}

ROWS: dict[str, dict[str, object]] = {
    # Figure 8: systems.
    "fig8_ca": {
        "model.name": "ca",
        "model.width": 32,  # as everything below: Yu et al. 2018, and their code
        "loss.spatial": "discounted",  # gamma 0.99 as in their paper; "discounted_code" has their code's 0.9
        "loss.lambda_s": 1.2,
        "loss.lambda_ae": 1.2,
        "loss.coarse": 1.2,
        "loss.lambda_mrf": 0.0,
        "loss.penalty_mask": "release",
        "loss.combine": "sum",
    },
    "fig8_ed": {"model.name": "ed"},
    "fig8_srn_hr": {"model.name": "srn_hr"},
    "fig8_srn": {},
    # Figure 9: feature expansion. The paper leaves bilinear out.
    "fig9_subpixel": {"model.expansion": "subpixel"},
    "fig9_deconv": {"model.expansion": "deconv"},
    "fig9_unfold": {"model.expansion": "unfold"},
    "fig9_bilinear": {"model.expansion": "bilinear"},
    # Figure 10: context normalization, before and after fine-tuning with all losses.
    "fig10_cn_before": {"model.normalization": "paper", **_BEFORE},
    "fig10_cn_after": {"model.normalization": "paper"},
    "fig10_no_cn_before": {"model.normalization": "none", **_BEFORE},
    "fig10_no_cn_after": {"model.normalization": "none"},
    # Figure 11: critics.
    "fig11_with_context_critic": {"critic.names": ("global", "context")},
    "fig11_without_context_critic": {"critic.names": ("global",)},
    # Figure 12: spatial weights of the reconstruction loss.
    "fig12_rsv": {"loss.spatial": "rsv"},
    "fig12_confidence": {"loss.spatial": "confidence"},
    "fig12_plain": {"loss.spatial": "plain"},
    # Not in the paper: the losses of the second phase, in which all rows take as many steps; a style loss in place of
    # ID-MRF has a weight that makes both terms about as large.
    "losses_reconstruction": {"loss.lambda_mrf": 0.0, "loss.lambda_adv": 0.0, "critic.names": ()},
    "losses_mrf": {"loss.lambda_adv": 0.0, "critic.names": ()},
    "losses_style": {
        "loss.lambda_mrf": 0.0,
        "loss.lambda_style": 3e-7,
        "loss.lambda_adv": 0.0,
        "critic.names": (),
    },
    "style": {"loss.lambda_mrf": 0.0, "loss.lambda_style": 3e-7},
    # Not in the paper: what has come since.
    "ideas_psnr": {"loss.error": "psnr", "loss.spatial": "plain", "loss.lambda_s": 0.2},
    "ideas_psnr_rsv": {"loss.error": "psnr", "loss.lambda_s": 0.2},
    "ideas_hinge": _HINGE,
    "ideas_hinge_spectral": {**_HINGE, "critic.weights": "spectral"},
    # Either critic at twenty times the paper's weight.
    "ideas_heavy": {"loss.lambda_adv": 0.02},
    "ideas_hinge_heavy": {**_HINGE, "loss.lambda_adv": 0.02},
}

# What two CPU cores train in minutes: a quarter of the sides and of the widths, on rates that so few steps ask for.
_SMALL: dict[str, object] = {
    "geometry.known": (32, 32),
    "geometry.canvas": (64, 64),
    "geometry.masks_per_batch": "each",
    "critic.updates": 2,
    "loss.mrf_layers": ("conv3_2",),
    "loss.style_layers": ("conv3_2",),
    "reconstruction.steps": 600,
    "reconstruction.learning_rate": 5e-4,
    "reconstruction.warmup_steps": 50,
    "reconstruction.schedule": "cosine",
    "adversarial.warmup_steps": 10,
    "adam.beta2": 0.99,
    "adam.clip_norm": 3.0,
    "data.batch": 8,
    "data.scale": (0.6, 1.0),
    "run.average": 0.99,
    "run.evaluate_every_steps": 300,
    "run.image_every_steps": 1_000,
    "run.save_every_steps": 250,
}
_SMALL_STEPS = 100  # with all losses, of a row that has as many as the paper
_NARROWER = 4  # times: of generators and critics, so that CA stays half as wide as SRN
SCALES = ("paper", "small")


@dataclass(frozen=True)
class Experiment:
    """What is compared: `rows` has labels by row, in the figure's order; the others are compared with `reference`.

    Attributes:
      claim: what the paper says of it, or what is asked.
      places: whether one row is judged with its known part at nine places, instead of where seeds draw it.
    """

    title: str
    claim: str
    rows: dict[str, str]
    reference: str
    places: bool = False


EXPERIMENTS: dict[str, Experiment] = {
    "table1": Experiment(
        "Table 1: SRN beside Contextual Attention",
        "SRN is ahead of CA on every data set.",
        {"fig8_ca": "CA", "fig8_srn": "SRN"},
        "fig8_srn",
    ),
    "fig8": Experiment(
        "Figure 8: systems",
        "SRN is ahead of CA, an encoder-decoder (ED) and SRN on an enlarged canvas (SRN-HR).",
        {"fig8_ca": "CA", "fig8_ed": "ED", "fig8_srn_hr": "SRN-HR", "fig8_srn": "SRN"},
        "fig8_srn",
    ),
    "fig9": Experiment(
        "Figure 9: feature expansion",
        "Sub-pixel expansion is ahead of transposed convolution and of unfolding.",
        {
            "fig9_deconv": "deconvolution",
            "fig9_unfold": "unfolding",
            "fig9_bilinear": "bilinear",
            "fig9_subpixel": "sub-pixel",
        },
        "fig9_subpixel",
    ),
    "fig10": Experiment(
        "Figure 10: context normalization",
        "With context normalization colors follow the known part, before and after fine-tuning.",
        {
            "fig10_no_cn_before": "without CN, before",
            "fig10_cn_before": "CN, before",
            "fig10_no_cn_after": "without CN",
            "fig10_cn_after": "CN",
        },
        "fig10_cn_after",
    ),
    "fig11": Experiment(
        "Figure 11: the context critic",
        "With the context critic beside the global one, what is painted is sharper and fits better.",
        {"fig11_without_context_critic": "global critic", "fig11_with_context_critic": "both critics"},
        "fig11_with_context_critic",
    ),
    "fig12": Experiment(
        "Figure 12: spatial weights of the reconstruction loss",
        "Relative spatial variant weights are ahead of confidence-driven and of plain ones.",
        {"fig12_plain": "plain", "fig12_confidence": "confidence-driven", "fig12_rsv": "RSV"},
        "fig12_rsv",
    ),
    "losses": Experiment(
        "Losses of the second phase",
        "What each loss adds, over as many steps.",
        {
            "losses_reconstruction": "reconstruction",
            "losses_mrf": "+ ID-MRF",
            "losses_style": "+ style",
            "fig8_srn": "SRN: all",
        },
        "fig8_srn",
    ),
    "margins": Experiment(
        "The known part at nine places",
        "One network paints any margins.",
        {"fig8_srn": "SRN"},
        "fig8_srn",
        places=True,
    ),
    "ideas": Experiment(
        "Ideas since the paper",
        "A critic that learns by hinges, once a step, is as good as WGAN-GP's in less time; and what else was tried.",
        {
            "ideas_psnr": "PSNR, plain",
            "ideas_psnr_rsv": "PSNR, RSV",
            "ideas_hinge": "hinge",
            "ideas_hinge_spectral": "hinge, spectral",
            "ideas_heavy": "SRN, heavier",
            "ideas_hinge_heavy": "hinge, heavier",
            "fig8_srn": "SRN",
        },
        "fig8_srn",
    ),
}


def get_config(name: str = "fig8_srn") -> Config:
    """Returns the run of one row: "ROW", at the paper's scale, or "ROW,small"."""
    row, _, scale = name.partition(",")
    if scale not in ("", *SCALES):
        raise InputError(f"configs/ablation.py's scale is {scale!r}; it takes one of {', '.join(SCALES)}")
    config = Config()
    config.data.path = "data/celebahq"
    settings = pick(ROWS, row, "configs/ablation.py's row")
    set_settings(config, settings)
    if scale == "small":
        phase = config.adversarial
        share = phase.steps / Config().adversarial.steps
        set_settings(config, _SMALL | settings)
        phase.steps = round(_SMALL_STEPS * share)
        phase.warmup_steps = min(phase.warmup_steps, phase.steps)
        config.model.width //= _NARROWER
        config.critic.width //= _NARROWER
    return config


def same_run(row: str) -> str:
    """Returns the first row of the same settings: SRN itself stands in every figure, and is trained once."""
    asked = resolve(get_config(row))
    return next(name for name in ROWS if resolve(get_config(name)) == asked)
