"""Scores against scikit-image's."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from srn_jax import metrics

BORDER = 5  # half of the 11-pixel window


def pictures() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns a noisy picture, a smooth one, and a mask whose known window lies off-centre."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:23, :31]
    truth = np.stack([np.sin(rows / 3), np.cos(columns / 4), np.sin((rows + 2 * columns) / 9)], axis=-1) / 2 + 0.5
    mask = np.ones((23, 31, 1), np.float32)
    mask[3:15, 8:26] = 0
    completed = truth + rng.normal(size=truth.shape) * np.array([0.05, 0.1, 0.2]) * (0.2 + mask)
    return completed.clip(0, 1).astype(np.float32), truth.astype(np.float32), mask


def scores(completed, truth, mask) -> dict[str, float]:
    values = metrics.scores(jnp.asarray(completed), jnp.asarray(truth), jnp.asarray(mask))
    return {name: float(value) for name, value in values.items()}


def test_scores_equal_scikit_image():
    completed, truth, mask = pictures()
    unknown = mask[..., 0] == 1
    inner = np.zeros_like(unknown)
    inner[BORDER:-BORDER, BORDER:-BORDER] = unknown[BORDER:-BORDER, BORDER:-BORDER]
    similarity: Any = structural_similarity(
        truth.astype(np.float64),
        completed.astype(np.float64),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1,
        channel_axis=-1,
        full=True,
    )
    expected = {
        "psnr": peak_signal_noise_ratio(truth, completed, data_range=1),
        "ssim": similarity[0],
        "psnr_unknown": peak_signal_noise_ratio(truth[unknown], completed[unknown], data_range=1),
        "ssim_unknown": similarity[1][inner].mean(),
    }
    assert scores(completed, truth, mask) == pytest.approx(expected, rel=1e-4)
    assert abs(expected["psnr"] - expected["psnr_unknown"]) > 0.1
    assert abs(expected["ssim"] - expected["ssim_unknown"]) > 0.01


def test_equal_pictures():
    _, truth, mask = pictures()
    values = scores(truth, truth, mask)
    assert values["psnr"] == values["psnr_unknown"] == np.inf
    assert values["ssim"] == pytest.approx(1, abs=1e-5)
    assert values["ssim_unknown"] == pytest.approx(1, abs=1e-5)


def test_errors_on_the_known_region_leave_its_complement_alone():
    _, truth, mask = pictures()
    values = scores(np.where(mask == 1, truth, 1 - truth), truth, mask)
    assert values["psnr_unknown"] == np.inf
    assert 0 < values["psnr"] < 20


def test_an_empty_region_has_no_score():
    completed, truth, mask = pictures()
    values = scores(completed, truth, np.zeros_like(mask))
    assert np.isnan(values["psnr_unknown"])
    assert np.isnan(values["ssim_unknown"])
    assert np.isfinite([values["psnr"], values["ssim"]]).all()
