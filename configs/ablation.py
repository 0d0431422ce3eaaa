"""Every row of the paper's figures 8 to 12, and what else can be put in their place, by name.

    python -m srn_jax.main --config=configs/ablation.py:fig8_ed [--config.data.path=FOLDER] [--config.loss.vgg=FILE]

The names are those of `ROWS` below; docs/variants.md tells what each is. A run's folder is runs/ablation_NAME.
All share the setting of CelebA-HQ, 128x128 -> 256x256 with random margins, and the paper's schedule, so that rows
differ in one thing; another data set takes `--config.data.path` and, if its geometry differs, `--config.geometry.*`.
Weights: VGG-19 to conv4_2 in `loss.vgg`; `fig8_ca`, and the rows before fine-tuning, need none.
Inference time of figure 8: `python -m benchmarks.figure8`.
Hardware and hours: not measured here yet. Expected score: not measured here yet.
"""

from srn_jax.config import Config
from srn_jax.tables import pick

_BEFORE = {"adversarial.steps": 0}  # reconstruction alone

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
    # Not in the paper: a style loss in place of ID-MRF, with a weight that makes both terms about as large.
    "style": {"loss.lambda_mrf": 0.0, "loss.lambda_style": 3e-7},
}


def get_config(name: str = "fig8_srn") -> Config:
    """Returns the experiment of one row."""
    config = Config()
    config.data.path = "data/celebahq"
    for setting, value in pick(ROWS, name, "configs/ablation.py's row").items():
        section, field = setting.split(".")
        setattr(getattr(config, section), field, value)
    return config
