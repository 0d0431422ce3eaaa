"""Every row of the paper's figures 8 to 12, and what else can be put in their place, by name.

    python -m srn_jax.main --config=configs/ablation.py:fig8_ed [--config.data.path=FOLDER] [--config.loss.vgg=FILE]
    python -m srn_jax.main --config=configs/ablation.py:fig8_ed,small ...

The names are those of `ROWS` in srn_jax/experiments/rows.py; docs/variants.md tells what each is. A run's folder is
runs/ablation_NAME. `python -m srn_jax.experiments fig8` runs, judges and shows all rows of a figure.
All share the setting of CelebA-HQ, 128x128 -> 256x256 placed at random, and the paper's schedule, so that rows
differ in one thing; another data set takes `--config.data.path` and, if its geometry differs, `--config.geometry.*`.
`small` is a quarter of sides and widths, for two CPU cores: docs/experiments.md has its results.
Weights: VGG-19 to conv4_2 (small: conv3_2) in `loss.vgg`; `fig8_ca`, and the rows before fine-tuning, need none.
Inference time of figure 8: `python -m benchmarks.figure8`.
Hardware and hours: not measured here at the paper's scale. Expected score: not measured here at the paper's scale.
"""

from srn_jax.experiments.rows import ROWS, get_config

__all__ = ["ROWS", "get_config"]
