"""Scores against scikit-image's."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from srn_jax.evaluate import metrics

SCORES = jax.jit(metrics.scores)
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
    values = SCORES(jnp.asarray(completed), jnp.asarray(truth), jnp.asarray(mask))
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
    found = scores(completed, truth, mask)
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-4)
    assert abs(expected["psnr"] - expected["psnr_unknown"]) > 0.1
    assert abs(expected["ssim"] - expected["ssim_unknown"]) > 0.01


def test_l1_and_the_seam_by_loops():
    completed, truth, mask = pictures()
    completed = np.where(mask == 1, completed, truth)
    unknown = mask[..., 0] == 1
    differences, made, real = [], [], []
    for row in range(23):
        for column in range(31):
            for other in ((row + 1, column), (row, column + 1)):
                if other[0] < 23 and other[1] < 31 and unknown[row, column] != unknown[other]:
                    made.append(completed[other] - completed[row, column])
                    real.append(truth[other] - truth[row, column])
                    differences.append(made[-1] - real[-1])
    assert len(made) == 2 * (12 + 18)
    found = scores(completed, truth, mask)
    assert found["seam"] == pytest.approx(np.abs(differences).mean(), rel=1e-4)
    assert found["step"] == pytest.approx(np.abs(made).mean() / np.abs(real).mean(), rel=1e-4)
    assert found["l1"] == pytest.approx(np.abs(completed - truth).mean(), rel=1e-4)
    assert found["l1_unknown"] == pytest.approx(np.abs(completed - truth)[unknown].mean(), rel=1e-4)


def sharpness_by_loops(completed: np.ndarray, truth: np.ndarray, unknown: np.ndarray) -> float:
    """Returns the mean gradient of the luma of what is unknown, [h, w], over that of the truth."""
    made, real = [], []
    for row in range(unknown.shape[0] - 1):
        for column in range(unknown.shape[1] - 1):
            if unknown[row, column]:
                for picture, lengths in ((completed, made), (truth, real)):
                    here, right, below = (
                        float(np.dot((0.299, 0.587, 0.114), picture[place]))
                        for place in ((row, column), (row, column + 1), (row + 1, column))
                    )
                    lengths.append(((right - here) ** 2 + (below - here) ** 2) ** 0.5)
    return float(np.mean(made) / np.mean(real))


def test_sharpness_by_loops():
    completed, truth, mask = pictures()
    expected = sharpness_by_loops(completed, truth, mask[..., 0] == 1)
    assert expected > 1.2
    assert scores(completed, truth, mask)["sharpness"] == pytest.approx(expected, rel=1e-4)


def test_noise_and_blur_are_told_apart():
    _, truth, mask = pictures()
    assert scores(truth, truth, mask)["sharpness"] == pytest.approx(1)
    assert scores(truth / 2, truth, mask)["sharpness"] == pytest.approx(0.5, rel=1e-4)
    assert scores(np.full_like(truth, 0.5), truth, mask)["sharpness"] == 0
    plain = np.full_like(truth, 0.5)  # what differs from it by a grey level may be rounding noise
    assert 1 < scores(plain + np.round(truth) / np.float32(255), plain, mask)["sharpness"] < 2.5
    assert np.isnan(scores(truth, truth, np.zeros_like(mask))["sharpness"])


def test_a_line_and_a_blur_are_told_apart():
    _, truth, mask = pictures()
    assert scores(truth, truth, mask)["step"] == pytest.approx(1)
    assert scores(np.where(mask == 1, truth / 2, truth), truth, mask)["step"] > 1.5
    flat = np.full_like(truth, 0.5)
    assert scores(flat, truth, mask)["step"] == 0


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


def test_rounding_noise_of_a_plain_background_is_no_step():
    _, _, mask = pictures()
    noise = np.random.default_rng(0).integers(0, 2, (23, 31, 3)) * (np.random.default_rng(1).random((23, 31, 1)) < 0.02)
    plain = ((250 + noise) / 255).astype(np.float32)
    for truth in (plain, np.full_like(plain, 250 / 255)):
        assert scores(truth, truth, mask)["step"] == pytest.approx(1)
        beside = np.where(mask == 1, truth - 2 / 255, truth)  # a line of two grey levels
        assert scores(beside, truth, mask)["step"] == pytest.approx(3, abs=0.1)
        assert scores(np.where(mask == 1, 0, truth), truth, mask)["step"] < 256


def test_the_step_is_continuous_where_the_truths_is_a_grey_level():
    _, picture, mask = pictures()

    def step(level: float) -> float:
        truth = np.where(mask == 1, 0.5, 0.5 + level / 255 + 0 * picture).astype(np.float32)
        return scores(np.where(mask == 1, 0.5 - 3 / 255, truth), truth, mask)["step"]

    assert step(0.999) == pytest.approx(step(1.001), rel=0.01)
    assert step(2.0) == pytest.approx(2.5, rel=1e-3)
