"""The PyTorch contestants: each is made in a process of its own, from arrays of ours."""
# pyright: reportMissingImports=false

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.memory import Memory, Peaks, ProcessMemory
from benchmarks.peer import losses
from benchmarks.peer.networks import SRN, VGG19, ContextCritic, GlobalCritic
from benchmarks.peer.training import Training, Weights
from benchmarks.peer.weights import Arrays, from_torch, our_name, to_torch
from benchmarks.sizes import Sizes
from benchmarks.worker import Subject

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
torch.backends.cudnn.benchmark = True


class _DeviceMemory:
    """The memory of PyTorch's arrays on the GPU."""

    def __init__(self) -> None:
        self._held = self._before = 0

    def begin(self) -> None:
        """Sets the high-water mark back."""
        self._before, self._held = torch.cuda.max_memory_allocated(), torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()

    def peaks(self) -> Peaks:
        """Returns the peaks up to now."""
        peak = torch.cuda.max_memory_allocated()
        return Peaks(peak - self._held, max(peak, self._before), True)


def _subject(call: Callable[[], Any], outcome: Callable[[Any], Any]) -> Subject:
    def call_and_wait() -> Any:
        made = call()
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()
        return made

    memory: Memory = _DeviceMemory() if DEVICE.type == "cuda" else ProcessMemory()
    name = f" on {torch.cuda.get_device_name()}" if DEVICE.type == "cuda" else ""
    return Subject(call_and_wait, outcome, f"torch {torch.__version__}{name}", memory=memory)


def _loaded(module: Any, arrays: Arrays) -> Any:  # PyTorch declares no memory_format for modules
    """Returns the module on the device, channels last, with our parameters."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            ours = our_name(name)
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(to_torch(ours, arrays[ours]))))
    return module.to(DEVICE, memory_format=torch.channels_last)


def _channels_first(array: np.ndarray) -> Tensor:
    """Returns [..., h, w, c] as [..., c, h, w] on the device, its memory in the same order as before."""
    return torch.from_numpy(np.ascontiguousarray(array)).to(DEVICE).movedim(-1, -3)


def _channels_last(tensor: Tensor) -> np.ndarray:
    return tensor.detach().movedim(-3, -1).cpu().numpy()


def _painter(sizes: Sizes, params: Arrays, compiled: bool) -> Callable[[Tensor, Tensor], Tensor]:
    generator, dtype = _loaded(SRN(sizes.width), params).eval(), getattr(torch, sizes.dtype)

    def paint(image: Tensor, mask: Tensor) -> Tensor:
        with torch.autocast(DEVICE.type, dtype, enabled=dtype != torch.float32):
            return generator(image, mask, sizes.corner)

    # Inductor's `freezing`, which packs weights beforehand, was tried as well: no faster on a CPU.
    return torch.compile(paint) if compiled else paint


def painting(sizes: Sizes, params: Arrays, picture: np.ndarray, compiled: bool) -> Subject:
    """Returns the generator alone: tensors on the device in, the prediction on it out."""
    paint = _painter(sizes, params, compiled)
    image, mask = _channels_first(picture * np.float32(1 / 127.5) - 1), _channels_first(sizes.mask())

    @torch.inference_mode()
    def call() -> Tensor:
        return paint(image, mask)

    return _subject(call, lambda made: _picture_outcome(sizes, _channels_last(made)))


def extrapolation(sizes: Sizes, params: Arrays, picture: np.ndarray, compiled: bool) -> Subject:
    """Returns bytes in, bytes out, known pixels untouched."""
    paint, mask = _painter(sizes, params, compiled), _channels_first(sizes.mask())

    @torch.inference_mode()
    def call() -> np.ndarray:
        shown = _channels_first(picture)
        prediction = paint(shown.float() * (1 / 127.5) - 1.0, mask)
        painted = ((prediction + 1.0) * 127.5).round().to(torch.uint8)
        return torch.where(mask > 0.5, painted, shown).movedim(1, -1).cpu().numpy()

    return _subject(call, partial(_picture_outcome, sizes))


def _picture_outcome(sizes: Sizes, made: np.ndarray) -> dict[str, Any]:
    return {"picture": made, "precision": sizes.precision(DEVICE.type)}


def training(
    sizes: Sizes,
    phase: int,
    params: Arrays,
    critics: Arrays,
    vgg: Arrays,
    images: np.ndarray,
    alphas: np.ndarray,
    settings: dict[str, Any],
    compiled: bool,
) -> Subject:
    """Returns a training step: 0 is pre-training, 1 the full one; `settings` are ours, in PyTorch's words."""
    modules = {"global": GlobalCritic(sizes.canvas, sizes.width), "context": ContextCritic(sizes.width)}
    training = Training(
        _loaded(SRN(sizes.width), params),
        _loaded(nn.ModuleDict(modules), critics),
        _loaded(VGG19(settings["mrf_layers"]), vgg).requires_grad_(False) if phase else None,
        mask=_channels_first(sizes.mask()),
        corner=sizes.corner,
        weights=Weights(**settings["weights"]),
        adam=settings["adam"],
        average=settings["average"],
        steps_done=settings["steps_done"][phase],
        dtype=getattr(torch, sizes.dtype),
        compiled=compiled,
    )
    batches, factors = _channels_first(images), torch.from_numpy(alphas).to(DEVICE)

    def outcome(metrics: dict[str, Tensor]) -> dict[str, Any]:
        networks: dict[str, tuple[nn.Module, Any]] = {"generator": (training.generator, training.optimizer)}
        if phase:
            networks["critics"] = (training.critics, training.critic_optimizer)
        return {
            "precision": sizes.precision(DEVICE.type),
            "metrics": {name: float(value) for name, value in metrics.items()},
            "parameters": {name: _ours(module, lambda p: p) for name, (module, _) in networks.items()},
            "moments": {
                name: _ours(module, lambda p, optimizer=optimizer: optimizer.state[p]["exp_avg"])
                for name, (module, optimizer) in networks.items()
            },
        }

    call = (lambda: training.step(batches, factors)) if phase else (lambda: training.pretrain(batches[:1]))
    return _subject(call, outcome)


def _ours(module: nn.Module, of: Callable[[nn.Parameter], Tensor]) -> Arrays:
    """Returns what `of` finds for each parameter, as ours are."""
    # Copies: the next step works in place.
    found = {our_name(name): of(parameter).detach().clone() for name, parameter in module.named_parameters()}
    return {name: from_torch(name, tensor.cpu().numpy()) for name, tensor in found.items()}


def id_mrf(gradients: bool, generated: np.ndarray, truth: np.ndarray, compiled: bool) -> Subject:
    """Returns the paper's ID-MRF, dense, on feature maps [b, h, w, c], with or without gradients in both."""
    maps = [_channels_first(array).requires_grad_(gradients) for array in (generated, truth)]
    loss = torch.compile(losses.id_mrf) if compiled else losses.id_mrf

    def call() -> tuple[Tensor, tuple[Tensor, ...]]:
        value = loss(*maps)
        return value.detach(), torch.autograd.grad(value, maps) if gradients else ()

    def outcome(made: tuple[Tensor, tuple[Tensor, ...]]) -> dict[str, Any]:
        value, of_maps = made
        found = zip(("generated", "truth"), of_maps, strict=False)
        return {"value": float(value), "gradients": {name: _channels_last(gradient) for name, gradient in found}}

    return _subject(call, outcome)
