"""One phase of a run: steps are handed to the devices ahead, and looked at now and then.

What is due at a step makes it a look. Between two looks hosts neither meet nor wait for their devices.
"""

import contextlib
import time

import jax

from srn_jax.programs import allocator
from srn_jax.programs.backend import own_forms_pay_back
from srn_jax.train import hosts, sharding
from srn_jax.train.divergence import diverged, first_bad
from srn_jax.train.feed import Feed
from srn_jax.train.interrupt import Interrupt
from srn_jax.train.pace import Pace
from srn_jax.train.progress import Clock, progress_bar, say
from srn_jax.train.recording import Recorder, due_at
from srn_jax.train.setup import Setup
from srn_jax.train.state import TrainState, begin_phase
from srn_jax.train.step import Step


def train_phase(
    step: Step, state: TrainState, recorder: Recorder, interrupt: Interrupt, label: str
) -> tuple[TrainState, str | None]:
    """Returns the state at the phase's end, or where an interrupt stopped it, and then the signal, of whichever host.

    Raises:
      InputError: too many pictures are unreadable, or the disk is full, on this host or another.
      DivergedError: a metric was not finite, the parameters paint NaN, or they have collapsed.
    """
    setup, started, clock, pace = recorder.setup, time.perf_counter(), Clock(), Pace()
    begun, last = int(state.step), step.first_step + step.phase.steps
    images_per_step, unseen, bar = step.batches * setup.config.data.batch, [], None

    # Begin the phase, or go on with it.
    if begun == step.first_step and begun > 0:
        begin = jax.jit(lambda s: begin_phase(s, setup.networks), out_shardings=sharding.replicated(setup.mesh))
        state = begin(state)
    allocator.give_back_freed_memory()  # of the phase before, on top of which compiling would come
    say(f"{label}: compiling ...")
    compiled = sharding.compile_step(step, setup.mesh, few=not own_forms_pay_back(step.work))
    with contextlib.ExitStack() as stack:
        feed = stack.enter_context(contextlib.closing(_feed(setup, step, begun)))
        with hosts.agreeing():
            images = feed.next()

        # Train.
        for number in range(begun + 1, last + 1):
            state, metrics = compiled(state, images, setup.vgg)
            unseen.append((number, metrics))
            due = due_at(number, last, setup.config.run)
            if not due and not pace.due(len(unseen)):
                images = feed.next_unchecked(metrics)
                continue

            # Look at what the devices made of the steps since the last look.
            with hosts.agreeing():
                feed.check()
            if bad := first_bad(unseen):
                raise diverged(*bad, recorder.checkpoints)

            # Tell of it.
            if bar is None:  # the first step compiles: its time would spoil the rate
                allocator.give_back_freed_memory()  # of compiling, on top of which judging would come
                say(f"{label}: compiled and first step done in {time.perf_counter() - started:.1f} s")
                bar = stack.enter_context(progress_bar(label, (last - begun) * images_per_step, images_per_step))
                feed.waited()
            else:
                bar.update(len(unseen) * images_per_step)
                pace.adapt(len(unseen), clock.stop(len(unseen) * images_per_step, feed.waited()))
            bar.set_postfix(step=number, loss=f"{float(metrics['total']):.4f}", refresh=False)
            unseen.clear()

            # Log, judge and save what is due, apart from the time of training.
            recorder.record(number, due, state, metrics, clock)
            clock.start()

            # Go on, unless a host was asked to stop.
            with hosts.agreeing(lambda: interrupt.requested) as agreement:
                if number < last and not interrupt.requested:  # else nobody would look at them
                    images = feed.next()
            if agreement.wish:
                return state, agreement.wish
    return state, None


def _feed(setup: Setup, step: Step, begun: int) -> Feed:
    """Returns the batches of a phase from step `begun` on."""
    start = step.first_step + (begun - step.first_step) * step.batches  # reconstruction takes one a step
    return Feed(setup.data.photographs, setup.data.count, setup.config, setup.mesh, start, step.batches)
