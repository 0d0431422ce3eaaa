"""One training step: critic updates, each on a batch of its own, then the generator's, as one pure function.

Pre-training is no mode: it is the same step with no critic updates and without the terms whose weight is 0.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax import struct
from jaxtyping import Array, Float, Int, Key

from srn_jax import geometry
from srn_jax.config import Config, Loss, Phase, feature_layers
from srn_jax.losses import adversarial, spatial, style
from srn_jax.models.layers import apply, apply_stages
from srn_jax.train import precision
from srn_jax.train.state import Networks, TrainState
from srn_jax.train.variants import Variants, look_up

Metrics = dict[str, Array]


class Batch(struct.PyTreeNode):
    """Photographs and all that is drawn for them."""

    image: Float[Array, "b h w 3"]  # the truth, in [-1, 1]
    mask: Float[Array, "#b h w 1"]  # 1 = to be synthesized; one for all images, or one each
    alpha: Float[Array, " b"]  # where between truth and completed image the penalty looks, in [0, 1]
    key: Key[Array, ""]  # for losses that sample

    def part(self, number: Int[Array, ""], parts: int) -> "Batch":
        """Returns one of `parts` equal parts of the batch, with what all images share."""
        size = self.image.shape[0] // parts

        def cut(x: Array) -> Array:
            return jax.lax.dynamic_slice_in_dim(x, number * size, size)

        shared = self.mask.shape[0] != self.image.shape[0]
        return self.replace(image=cut(self.image), mask=self.mask if shared else cut(self.mask), alpha=cut(self.alpha))


@dataclass(frozen=True, eq=False, kw_only=True)  # hashed by identity, as jit asks of a callable
class Step:
    """The updates of one phase.

    Attributes:
      name: the phase's, "reconstruction" or "adversarial", as in the settings.
      loss: the settings' weights, those of terms that the phase leaves out at 0.
      first_step: the phase's first step, from which its learning rate counts.
      critic_updates: before each generator update; 0 in pre-training.
      axis_name: the mapped axis that batches are split over; None outside of a map.
    """

    name: str
    config: Config
    networks: Networks
    phase: Phase
    loss: Loss
    variants: Variants
    first_step: int
    critic_updates: int
    axis_name: str | None = None

    @property
    def batches(self) -> int:
        """How many batches one step takes."""
        return self.critic_updates + 1

    @property
    def work(self) -> int:
        """The phase's whole work: pixels of all its canvases times the squared width."""
        height, width = self.config.geometry.canvas
        canvases = self.phase.steps * self.batches * self.config.data.batch
        return canvases * height * width * self.config.model.width**2

    def __call__(self, state: TrainState, images: Float[Array, "k b h w 3"], vgg: dict) -> tuple[TrainState, Metrics]:
        """Returns the next state and the step's metrics.

        `images` holds `self.batches` batches in [-1, 1], the last of them the generator's.

        A step's randomness depends on the run's key, the step and an image's place in the global batch alone: not on
        the number of devices.
        """
        keys = jax.random.split(jax.random.fold_in(state.key, state.step), self.batches)
        metrics: Metrics = {}
        if self.critic_updates:

            def update(state, inputs):
                return self.critic_update(state, self.draw(*inputs))

            state, critic_metrics = jax.lax.scan(update, state, (keys[:-1], images[:-1]))
            metrics |= jax.tree.map(lambda values: values.mean(axis=0), critic_metrics)
        state, generator_metrics = self.generator_update(state, self.draw(keys[-1], images[-1]), vgg)
        return state.replace(step=state.step + 1), metrics | generator_metrics

    def draw(self, key: Key[Array, ""], image: Float[Array, "b h w 3"]) -> Batch:
        """Returns the batch with its masks and interpolation factors drawn."""
        window = self.config.geometry
        mask_key, alpha_key, loss_key = jax.random.split(key, 3)
        place = jnp.arange(image.shape[0])
        if self.axis_name is not None:
            place = place + jax.lax.axis_index(self.axis_name) * image.shape[0]
        fold_in = jax.vmap(jax.random.fold_in, in_axes=(None, 0))
        mask_keys = mask_key[None] if window.masks_per_batch == "one" else fold_in(mask_key, place)
        return Batch(
            image=image,
            mask=geometry.draw_masks(window.placement, mask_keys, window.canvas, window.known),
            alpha=jax.vmap(jax.random.uniform)(fold_in(alpha_key, place)),
            key=loss_key,
        )

    def critic_update(self, state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        """Returns the state after one update of all critics; the generator's part is untouched.

        Among the metrics, "wasserstein" is how far apart the critics' mean scores are, whatever they minimize.
        """

        def objective(params, batch):
            prediction, _ = self._run(apply, self.networks.generator)(state.params, batch.image, batch.mask)
            completed = geometry.complete(prediction, batch.image, batch.mask)
            mixed = adversarial.interpolate(batch.image, completed, batch.alpha)
            weights = self.variants.weights(batch.mask)
            params, adversary = self.variants.critic_weights(params), self.variants.objective
            loss, apart, penalty = jnp.zeros(()), jnp.zeros(()), jnp.zeros(())
            for name, critic in self.networks.critics.items():

                def score(images, critic=critic, name=name):
                    return self._run(apply, critic)(params[name], images, batch.mask)

                real, fake = score(batch.image), score(completed)
                loss += adversary.critic(real, fake)
                apart += adversarial.critic_loss(real, fake)
                mask = self.variants.penalty_mask(name, batch.mask, weights)
                penalty += adversary.penalty(score, mixed, mask)
            loss += self.loss.lambda_gp * penalty
            return loss, {"critic": loss, "wasserstein": -apart, "penalty": penalty}

        gradient, metrics = self._gradient(objective, state.critics, batch)
        direction, adam = self.networks.adam.update(
            gradient, state.adam_critics, state.critics, updates_done=state.updates
        )
        critics = self._descend(state, state.critics, direction)
        metrics["critic_gradient_norm"] = optax.tree.norm(gradient)
        return state.replace(critics=critics, adam_critics=adam, updates=state.updates + 1), metrics

    def generator_update(self, state: TrainState, batch: Batch, vgg: dict) -> tuple[TrainState, Metrics]:
        """Returns the state after one update of the generator and its average; the critics' part is untouched.

        `vgg` holds VGG-19's parameters; {} where no term looks at its features.
        """

        def objective(params, batch):
            generate = self._run(apply_stages, self.networks.generator)
            prediction, stages = generate(params, batch.image, batch.mask)
            terms = self.generator_terms(prediction, stages, batch, state.critics, vgg)
            total = sum((weight * term for weight, term in terms.values()), jnp.zeros(()))
            return total, {"total": total} | {name: term for name, (_, term) in terms.items()}

        gradient, metrics = self._gradient(objective, state.params, batch)
        direction, adam = self.networks.adam.update(
            gradient, state.adam_generator, state.params, updates_done=state.updates
        )
        params = self._descend(state, state.params, direction)
        # A young average follows faster, so that it is no mixture with the initial weights.
        decay = jnp.minimum(self.config.run.average, (1.0 + state.step) / (10.0 + state.step))
        average = optax.incremental_update(params, state.average, 1.0 - decay)
        metrics["gradient_norm"] = optax.tree.norm(gradient)  # not finite one step before the losses
        metrics["learning_rate"] = self._learning_rate(state)
        return (
            state.replace(params=params, average=average, adam_generator=adam, updates=state.updates + 1),
            metrics,
        )

    def generator_terms(
        self, prediction: Float[Array, "b h w 3"], stages: list[Array], batch: Batch, critics: dict, vgg: dict
    ) -> dict[str, tuple[float, Array]]:
        """Returns {name: (weight, loss)} of the terms whose weight is not 0.

        `stages` holds the predictions of the generator's earlier stages, if it has any.
        """
        loss, image, mask = self.loss, batch.image, batch.mask
        completed = geometry.complete(prediction, image, mask)
        terms: dict[str, tuple[float, Array]] = {}

        # Of the pixels, and those of an earlier stage.
        painted = [("", 1.0, prediction)] + [("coarse_", loss.coarse, stage) for stage in stages if loss.coarse]
        weights = self.variants.weights(mask) if loss.lambda_s else None
        for name, share, picture in painted:
            if weights is not None:
                error = self.variants.error(picture, image, weights)
                terms[f"{name}reconstruction"] = share * loss.lambda_s, error
            if loss.lambda_ae:
                error = spatial.autoencoding_loss(picture, image, mask)
                terms[f"{name}autoencoding"] = share * loss.lambda_ae, error

        # Of VGG-19's features.
        generated, truth = self._features(prediction, vgg), self._features(image, vgg)
        if loss.lambda_mrf:
            terms["id_mrf"] = loss.lambda_mrf, self._id_mrf(generated, truth, batch.key)
        if loss.lambda_style:
            grams = [style.gram_loss(generated[layer], truth[layer]) for layer in loss.style_layers]
            terms["style"] = loss.lambda_style, sum(grams, jnp.zeros(()))

        # Of the critics' scores.
        if loss.lambda_adv and self.networks.critics:
            params, objective = self.variants.critic_weights(critics), self.variants.objective
            losses = [
                objective.generator(self._run(apply, critic)(params[name], completed, mask))
                for name, critic in self.networks.critics.items()
            ]
            terms["adversarial"] = loss.lambda_adv, self.variants.combine(losses)
        return terms

    def _features(self, image: Float[Array, "b h w 3"], vgg: dict) -> dict[str, Array]:
        """Returns VGG-19's features by layer, {} where no term looks at them."""
        if not feature_layers(self.loss):
            return {}
        # VGG-19 has its own casts: in bfloat16, pixels of 0..255 lose their last bit before the mean is subtracted.
        return self.variants.remat(partial(apply, self.networks.vgg))(vgg, self.variants.vgg_input(image))

    def _id_mrf(self, generated: dict, truth: dict, key: Key[Array, ""]) -> Float[Array, ""]:
        total = jnp.zeros(())
        for number, layer in enumerate(self.loss.mrf_layers):
            layer_key = jax.random.fold_in(key, number)
            total += self.variants.id_mrf(generated[layer], truth[layer], key=layer_key, axis_name=self.axis_name)
        return total

    def _run(self, function: Callable[..., Any], network: nn.Module) -> Callable[..., Any]:
        """Returns `function` (network, params, *arrays) with the network, precision and rematerialization bound."""
        return self.variants.remat(precision.computed_in(self.variants.dtype, partial(function, network)))

    def _gradient(self, objective, params, batch: Batch) -> tuple[dict, Metrics]:
        """Returns the gradient and metrics of objective(params, batch), a mean over the batch, over all devices."""
        if self.axis_name is None:
            return self._accumulate(objective, params, batch)
        # Without this, shard_map sums the gradient over devices by itself, and the mean comes out n times too large.
        params = jax.lax.pcast(params, self.axis_name, to="varying")
        return jax.lax.pmean(self._accumulate(objective, params, batch), self.axis_name)

    def _accumulate(self, objective, params, batch: Batch) -> tuple[dict, Metrics]:
        """Returns gradient and metrics, computed part by part where the settings ask for it."""
        parts, differentiate = self.config.compute.accumulate, jax.grad(objective, has_aux=True)
        if parts == 1:
            return differentiate(params, batch)

        def add(total, number):
            made = differentiate(params, batch.part(number, parts))
            return jax.tree.map(lambda t, x: t + x / parts, total, made), None

        shapes = jax.eval_shape(lambda: differentiate(params, batch.part(jnp.zeros((), jnp.int32), parts)))
        nothing = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        if self.axis_name is not None:
            nothing = jax.lax.pcast(nothing, self.axis_name, to="varying")
        return jax.lax.scan(add, nothing, jnp.arange(parts))[0]

    def _descend(self, state: TrainState, params, direction):
        rate = self._learning_rate(state)
        return jax.tree.map(lambda p, d: p - rate * d, params, direction)

    def _learning_rate(self, state: TrainState) -> Float[Array, ""]:
        return self.variants.learning_rate(state.step - self.first_step)


def build_steps(config: Config, networks: Networks, *, axis_name: str | None = None) -> list[Step]:
    """Returns the phases of a run in order: reconstruction alone, then all losses; phases of no steps are left out."""

    def build(name: str, phase: Phase, loss: Loss, *, first_step: int, critic_updates: int) -> Step:
        return Step(
            name=name,
            config=config,
            networks=networks,
            phase=phase,
            loss=loss,
            variants=look_up(name, config=config, phase=phase, loss=loss),
            first_step=first_step,
            critic_updates=critic_updates,
            axis_name=axis_name,
        )

    alone = dataclasses.replace(config.loss, lambda_mrf=0.0, lambda_style=0.0, lambda_adv=0.0)
    updates = config.critic.updates if config.loss.lambda_adv and config.critic.names else 0
    first = build("reconstruction", config.reconstruction, alone, first_step=0, critic_updates=0)
    second = build("adversarial", config.adversarial, config.loss, first_step=first.phase.steps, critic_updates=updates)
    return [step for step in (first, second) if step.phase.steps]
