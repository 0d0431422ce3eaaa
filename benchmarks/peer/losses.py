"""The paper's losses on PyTorch tensors, channels first: RSV weights, reconstruction, ID-MRF, WGAN-GP."""
# pyright: reportMissingImports=false

from collections.abc import Callable
from functools import cache
from math import erf, log, sqrt

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

_TAPS = 64


@cache
def _band(length: int, device: torch.device) -> Tensor:
    """Returns one axis of the blur g as a matrix: two products take a third of the time of two convolutions."""
    sigma = 1.0 / 40.0
    interval = (2 * sigma + 1.0) / _TAPS
    edges = torch.linspace(-sigma - interval / 2, sigma + interval / 2, _TAPS + 1, dtype=torch.float64).tolist()
    cumulative = torch.tensor([0.5 * (1.0 + erf(edge / sqrt(2.0))) for edge in edges], dtype=torch.float64)
    taps = cumulative.diff().sqrt()
    taps = (taps / taps.sum()).float()
    place = torch.arange(length)[None, :] - torch.arange(length)[:, None] + (_TAPS - 1) // 2
    return torch.where((place >= 0) & (place < _TAPS), taps[place.clamp(0, _TAPS - 1)], 0.0).to(device)


@torch.no_grad()
def rsv_weights(mask: Tensor, passes: int = 9) -> Tensor:
    """Returns the relative spatial variant weights, [b or 1, 1, H, W]."""
    rows, columns = _band(mask.shape[2], mask.device), _band(mask.shape[3], mask.device).T
    previous = last = torch.zeros_like(mask)
    for _ in range(passes):
        previous, last = last, rows @ (1.0 - mask + last) @ columns * mask
    return previous / last.clamp_min(1e-5)


def reconstruction(prediction: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Returns mean(|Y - Y_hat| M_w)."""
    return ((truth - prediction).abs() * weights).mean()


def id_mrf(generated: Tensor, truth: Tensor) -> Tensor:
    """Returns the ID-MRF loss between two feature maps [b, c, h, w] of any dtype, in float32."""
    pairs = zip(generated.float(), truth.float(), strict=True)
    return torch.stack([_id_mrf_of_one(v, s) for v, s in pairs]).mean()  # one image's similarities at a time


def _id_mrf_of_one(generated: Tensor, truth: Tensor) -> Tensor:
    v, s = (F.normalize(features.flatten(1), dim=0) for features in (generated, truth))
    similarity = v.T @ s
    (best, runner_up), (where, _) = (found.unbind(1) for found in similarity.topk(2, dim=1))
    is_best = torch.arange(similarity.shape[1], device=where.device) == where[:, None]
    rival = torch.where(is_best, runner_up[:, None], best[:, None]).clamp_min(0.0)
    log_rs = similarity / ((rival + 1e-5) * 0.5)
    # The sum over all but s, in logarithms: the best's would cancel, so it is summed by itself.
    top = log_rs.detach().amax(1, keepdim=True)
    shares = (log_rs - top).exp()
    others = top + torch.where(is_best, 1.0, shares.sum(1, keepdim=True) - shares).log()
    without_best = log_rs.masked_fill(is_best, -torch.inf).logsumexp(1, keepdim=True)
    best_of_rows = (log_rs - torch.where(is_best, without_best, others)).amax(0)
    return log(len(best_of_rows)) - best_of_rows.logsumexp(0)


def gradient_penalty(score: Callable[[Tensor], Tensor], mixed: Tensor, weights: Tensor) -> Tensor:
    """Returns E[(||grad D(x_hat) M_w|| - 1)^2], differentiable in the critic's parameters."""
    mixed = mixed.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(score(mixed).sum(), mixed, create_graph=True)
    return penalty_of(gradient, weights)


def penalty_of(gradient: Tensor, weights: Tensor) -> Tensor:
    """Returns the penalty of a critic's gradient in its pictures."""
    slope = torch.linalg.vector_norm(gradient.float() * weights, dim=(1, 2, 3))
    return (slope - 1.0).square().mean()
