"""Both phases' training steps, eager or compiled: critic updates, each on a batch of its own, then the generator's.

What torch.compile takes. Generator objectives compile whole. A critic's does not as it stands: the penalty
differentiates a gradient, and AOTAutograd refuses the second backward pass. Its gradient taken by `torch.func.grad`
inside of the function traces as one forward pass, and does.
"""
# pyright: reportMissingImports=false

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad

from benchmarks.peer import losses
from benchmarks.peer.networks import SRN, VGG19, pool_x8

Metrics = dict[str, Tensor]


class Weights(NamedTuple):
    """The paper's lambdas."""

    s: float
    mrf: float
    adv: float
    gp: float


class Training:
    """Networks and their optimizers; `pretrain` and `step` update them in place.

    Args:
      vgg: None where only `pretrain` is used; critics likewise may be empty.
      mask: [1, 1, H, W], 1 = to be synthesized; `corner` is its known window's.
      average: decay of the generator's moving average, as it is after many of `steps_done`.
      dtype: what the networks compute in, by autocast.
    """

    def __init__(
        self,
        generator: SRN,
        critics: nn.ModuleDict,
        vgg: VGG19 | None,
        *,
        mask: Tensor,
        corner: tuple[int, int],
        weights: Weights,
        adam: dict[str, Any],
        average: float,
        steps_done: int,
        dtype: torch.dtype,
        compiled: bool,
    ):
        self.generator, self.critics, self.vgg = generator, critics, vgg
        self.mask, self.corner, self.weights, self.decay, self.dtype = mask, corner, weights, average, dtype
        self.optimizer = torch.optim.Adam(generator.parameters(), fused=True, **adam)
        self.critic_optimizer = torch.optim.Adam(critics.parameters(), fused=True, **adam) if critics else None
        self.average = [p.detach().clone() for p in generator.parameters()]
        self.steps_done = steps_done
        wrap: Callable[..., Any] = torch.compile if compiled else lambda function: function
        self._paint = wrap(self._complete)
        self._pretraining_objective = wrap(self._reconstruct)
        self._objective = wrap(self._all_terms)
        self._critic_backward = wrap(self._functional_gradient) if compiled else None

    def pretrain(self, images: Tensor) -> Metrics:
        """Updates the generator by its reconstruction alone, on bytes [1, b, 3, H, W]."""
        return self._descend(self._pretraining_objective(_unit(images[0]), losses.rsv_weights(self.mask)))

    def step(self, images: Tensor, alphas: Tensor) -> Metrics:
        """Updates the critics on each batch of bytes [k, b, 3, H, W] but the last, then the generator on that one."""
        made = [self.critic_update(_unit(image), alpha) for image, alpha in zip(images[:-1], alphas[:-1], strict=True)]
        metrics = {name: torch.stack([one[name] for one in made]).mean() for name in made[0]}
        self.critics.requires_grad_(False)  # their own gradients are not needed here
        terms = self._objective(_unit(images[-1]), losses.rsv_weights(self.mask), pool_x8(self.mask))
        metrics |= self._descend(terms)
        self.critics.requires_grad_(True)
        return metrics

    def critic_update(self, image: Tensor, alpha: Tensor) -> Metrics:
        """Updates both critics on one batch."""
        assert self.critic_optimizer is not None
        with torch.no_grad():
            completed = self._paint(image)
            mixed = torch.lerp(image, completed, alpha[:, None, None, None])
        weights, region = losses.rsv_weights(self.mask), pool_x8(self.mask)
        self.critic_optimizer.zero_grad(set_to_none=True)
        if self._critic_backward is None:
            loss, metrics = self._critic_objective(image, completed, mixed, weights, region)
            loss.backward()
        else:
            parameters = {name: p.detach() for name, p in self.critics.named_parameters()}
            gradients, metrics = self._critic_backward(parameters, image, completed, mixed, weights, region)
            for name, p in self.critics.named_parameters():
                p.grad = torch.empty_like(p).copy_(gradients[name])  # fused Adam takes strides to be equal
        metrics["critic_gradient_norm"] = _gradient_norm(self.critics)
        self.critic_optimizer.step()
        return metrics

    def _descend(self, terms: Metrics) -> Metrics:
        """Updates the generator and its average from the terms of its objective, `total` their weighted sum."""
        self.optimizer.zero_grad(set_to_none=True)
        terms["total"].backward()
        norm = _gradient_norm(self.generator)
        self.optimizer.step()
        decay = min(self.decay, (1 + self.steps_done) / (10 + self.steps_done))
        with torch.no_grad():
            torch._foreach_lerp_(self.average, list(self.generator.parameters()), 1 - decay)
        self.steps_done += 1
        return {name: term.detach() for name, term in terms.items()} | {"gradient_norm": norm}

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.mask.device.type, self.dtype, enabled=self.dtype != torch.float32)

    def _complete(self, image: Tensor) -> Tensor:
        with self._autocast():
            prediction = self.generator(image, self.mask, self.corner)
        return torch.where(self.mask > 0.5, prediction, image)

    def _reconstruct(self, image: Tensor, weights: Tensor) -> Metrics:
        with self._autocast():
            prediction = self.generator(image, self.mask, self.corner)
        error = losses.reconstruction(prediction, image, weights)
        return {"reconstruction": error, "total": self.weights.s * error}

    def _all_terms(self, image: Tensor, weights: Tensor, region: Tensor) -> Metrics:
        assert self.vgg is not None
        with self._autocast():
            prediction = self.generator(image, self.mask, self.corner)
            completed = torch.where(self.mask > 0.5, prediction, image)
            scores = [critic(completed, region).mean() for critic in self.critics.values()]
            generated = self.vgg(prediction)
            with torch.no_grad():
                truth = self.vgg(image)
        error = losses.reconstruction(prediction, image, weights)
        mrf = torch.stack([losses.id_mrf(generated[layer], truth[layer]) for layer in self.vgg.layers]).sum()
        adversarial = -torch.stack(scores).mean()
        total = self.weights.s * error + self.weights.mrf * mrf + self.weights.adv * adversarial
        return {"reconstruction": error, "id_mrf": mrf, "adversarial": adversarial, "total": total}

    def _critic_objective(
        self, image: Tensor, completed: Tensor, mixed: Tensor, weights: Tensor, region: Tensor
    ) -> tuple[Tensor, Metrics]:
        wasserstein, penalty = [], []
        for critic in self.critics.values():
            with self._autocast():
                real, fake = critic(torch.cat([image, completed]), region).chunk(2)
                penalty.append(losses.gradient_penalty(lambda x, c=critic: c(x, region), mixed, weights))
            wasserstein.append(fake.mean() - real.mean())
        return self._critic_loss(wasserstein, penalty)

    def _critic_loss(self, wasserstein: list[Tensor], penalty: list[Tensor]) -> tuple[Tensor, Metrics]:
        distance, penalized = torch.stack(wasserstein).sum(), torch.stack(penalty).sum()
        loss = distance + self.weights.gp * penalized
        metrics = {"critic": loss.detach(), "wasserstein": -distance.detach(), "penalty": penalized.detach()}
        return loss, metrics

    def _functional_gradient(
        self, parameters: dict[str, Tensor], image: Tensor, completed: Tensor, mixed: Tensor, *masks: Tensor
    ) -> tuple[dict[str, Tensor], Metrics]:
        """Returns what `_critic_objective` and backward do, as a function of the parameters."""
        weights, region = masks

        def objective(parameters: dict[str, Tensor]) -> tuple[Tensor, Metrics]:
            wasserstein, penalty = [], []
            for name, critic in self.critics.items():
                own = {key.removeprefix(f"{name}."): p for key, p in parameters.items() if key.startswith(f"{name}.")}

                def score(images: Tensor, critic: nn.Module = critic, own: dict[str, Tensor] = own) -> Tensor:
                    with self._autocast():
                        return functional_call(critic, own, (images, region))

                real, fake = score(torch.cat([image, completed])).chunk(2)
                wasserstein.append(fake.mean() - real.mean())
                gradient = grad(lambda x, score=score: score(x).sum())(mixed)
                penalty.append(losses.penalty_of(gradient, weights))
            return self._critic_loss(wasserstein, penalty)

        return grad(objective, has_aux=True)(parameters)


def _unit(images: Tensor) -> Tensor:
    """Returns bytes as [-1, 1], channels last in memory."""
    return (images.float() * (1 / 127.5) - 1.0).contiguous(memory_format=torch.channels_last)


def _gradient_norm(module: nn.Module) -> Tensor:
    return torch.nn.utils.get_total_norm([p.grad for p in module.parameters() if p.grad is not None])
