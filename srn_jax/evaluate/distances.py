"""FID and KID: how far the features of completed pictures are from those of real ones, as two collections."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

_SUBSETS = 100
_SUBSET = 1_000  # pictures, or as many as there are


def fid(completed: Float[np.ndarray, "n c"], real: Float[np.ndarray, "m c"]) -> float:
    """Returns the Frechet Inception distance (Heusel et al., 2017), of Gaussians with each collection's moments.

    It is too high for few pictures; those that it is compared with must be as many.
    """
    completed, real = completed.astype(np.float64), real.astype(np.float64)
    one, other = _deviations(completed), _deviations(real)
    # The trace of the root of the covariances' product, X^T X Y^T Y: the sum of the singular values of X Y^T.
    root = np.linalg.svd(one @ other.T, compute_uv=False).sum()
    means = np.square(completed.mean(axis=0) - real.mean(axis=0)).sum()
    return float(means + np.square(one).sum() + np.square(other).sum() - 2 * root)


def _deviations(features: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "k c"]:
    """Returns an X of no more rows than columns with the covariance X^T X."""
    deviations = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    return np.linalg.qr(deviations).R if len(features) > features.shape[1] else deviations


class KernelDistance(NamedTuple):
    """KID and its standard deviation over subsets; NaN where there is one subset alone."""

    mean: float
    deviation: float


def kid(completed: Float[np.ndarray, "n c"], real: Float[np.ndarray, "m c"], seed: int = 0) -> KernelDistance:
    """Returns the kernel Inception distance (Binkowski et al., 2018): unbiased MMD^2, kernel (x y / c + 1)^3.

    The mean over 100 subsets of 1,000 pictures each; of fewer pictures, one subset of them all.
    """
    completed, real = completed.astype(np.float64), real.astype(np.float64)
    count = min(len(completed), len(real))
    if count <= _SUBSET:
        return KernelDistance(_mmd(completed, real), float("nan"))
    rng = np.random.default_rng(seed)
    values = [
        _mmd(*(one[rng.choice(len(one), _SUBSET, replace=False)] for one in (completed, real))) for _ in range(_SUBSETS)
    ]
    return KernelDistance(float(np.mean(values)), float(np.std(values)))


def _mmd(x: Float[np.ndarray, "n c"], y: Float[np.ndarray, "m c"]) -> float:
    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a @ b.T / a.shape[1] + 1.0) ** 3

    within = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (kernel(x, x), kernel(y, y))]
    return float(within[0] + within[1] - 2 * kernel(x, y).mean())
