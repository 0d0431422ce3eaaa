"""The best of all rows in a matrix of similarities that is never in memory as a whole: what ID-MRF looks for."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from srn_jax.programs.backend import block_entries

_TIE = 1e-5  # logarithms of shares so close together are equal,
_TIE_SHARE = 1e-6  # or so close for their size: of one-hot rows they reach 2e5, where float32 has steps of 0.02

LogShares = Callable[[Array], Array]  # similarities [v, s] -> logarithms of shares [v, s], each row for itself
Best = Callable[[LogShares, Array, Array], Array]


def best_of_rows(
    log_shares: LogShares, rows: Float[Array, "v c"], columns: Float[Array, "s c"], *, block_rows: int | None = None
) -> Float[Array, " s"]:
    """Returns max_v log_shares(rows columns^T)[v, s], block by block of rows: memory is linear in v and s.

    Only rows that are a column's best have a gradient: of 4,096 patches around photographs 205 to 411. So the forward
    pass keeps which they are, and backward blocks of them alone are computed anew. Rows that tie for a column share its
    gradient, as they do for `jnp.max`.

    Args:
      log_shares: works on each row for itself, and is differentiable.
      block_rows: rows at a time; by default as many as suit the backend.
    """
    block_rows = block_rows or max(1, block_entries() // columns.shape[0])
    return _best_of_rows(log_shares, min(block_rows, rows.shape[0]), rows, columns)


def best_of_rows_dense(
    log_shares: LogShares, rows: Float[Array, "v c"], columns: Float[Array, "s c"]
) -> Float[Array, " s"]:
    """Returns what `best_of_rows` does, in plain words: the reference, with v s similarities in memory."""
    return log_shares(_similarity(rows, columns.T)).max(axis=0)


def first_of(found: Bool[Array, "v s"], axis: int) -> Int[Array, " n"]:
    """Returns the number of the first entry that is true along `axis`, and of the one past the last where none is.

    `found.argmax(axis)` says the same, ten times slower on a CPU, where XLA's reductions of pairs are not vectorized.
    """
    length = found.shape[axis]
    numbers = jnp.expand_dims(jnp.arange(length), 1 - axis)
    return jnp.where(found, numbers, length).min(axis)


def _similarity(rows: Float[Array, "v c"], turned: Float[Array, "c s"]) -> Float[Array, "v s"]:
    """Returns the similarities of rows and columns, which are turned: else a CPU takes up to three times as long."""
    return jnp.dot(rows, turned, precision=jax.lax.Precision.HIGHEST)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _best_of_rows(log_shares: LogShares, block_rows: int, rows: Array, columns: Array) -> Array:
    return _find_best(log_shares, block_rows, rows, columns)[0]


def _find_best(
    log_shares: LogShares, block_rows: int, rows: Array, columns: Array
) -> tuple[Array, Array, Array, Bool[Array, " v"]]:
    """Returns each column's best value, the number of the first row that has it, and whether it is not the only one.

    The last are the rows among which all are that have a best value, or nearly: those that had one when they came.
    """
    turned = columns.T

    @jax.checkpoint  # else JAX takes what depends on the rows' numbers alone out of the loop: v s bits in memory
    def visit(found: tuple[Array, ...], block: tuple[Array, Array]) -> tuple[tuple[Array, ...], Array]:
        numbers, values = block
        shares = jnp.where((numbers >= 0)[:, None], log_shares(_similarity(values, turned)), -jnp.inf)
        shares = jax.lax.optimization_barrier(shares)  # what is compared for equality must not be computed twice
        best, winner, tied = found
        here = shares.max(axis=0)
        equal = shares == here[None, :]
        several = equal.sum(axis=0) > 1
        better = here > best
        winner = jnp.where(better, numbers[0] + first_of(equal, axis=0), winner)
        tied = jnp.where(better, several, tied | (here == best))
        best = jnp.maximum(here, best)
        return (best, winner, tied), (shares > _nearly(best)[None, :]).any(axis=1)

    # Made of `columns`, so that under shard_map they vary over devices as what replaces them does.
    none = columns[:, 0] * 0.0
    start = none - jnp.inf, none.astype(jnp.int32), none != 0
    (best, winner, tied), reached = jax.lax.scan(visit, start, _blocks(jnp.arange(len(rows)), rows, block_rows))
    return best, winner, tied, reached.reshape(-1)[: len(rows)]


def _forward(log_shares: LogShares, block_rows: int, rows: Array, columns: Array) -> tuple[Array, tuple]:
    best, winner, tied, reached = _find_best(log_shares, block_rows, rows, columns)
    return best, (rows, columns, best, winner, tied, reached)


def _backward(log_shares: LogShares, block_rows: int, kept: tuple, cotangent: Array) -> tuple[Array, Array]:
    rows, columns, best, winner, tied, reached = kept
    turned = columns.T
    any_tied = tied.any()
    wanted = jnp.where(any_tied, reached, jnp.zeros_like(reached).at[winner].set(True))
    # Those that are wanted come first; blocks without any are left out.
    order = jnp.argsort(~wanted)
    blocks = _blocks(jnp.where(wanted[order], order, -1), rows[order], block_rows)

    def wins(numbers: Array, shares: Array) -> Array:
        """Returns which rows have a column's best value, one alone if they are not known to tie."""
        equal = (shares > _nearly(best)[None, :]) & (numbers >= 0)[:, None]
        won = numbers[:, None] == winner[None, :]
        return jnp.where(tied[None, :], equal | won, won)

    def count_block(count: Array, block: tuple[Array, Array]) -> tuple[Array, None]:
        numbers, values = block

        def count_more() -> Array:
            return count + wins(numbers, log_shares(_similarity(values, turned))).sum(axis=0)

        return jax.lax.cond(numbers[0] >= 0, count_more, lambda: count), None

    def count_all() -> Array:
        return jnp.maximum(jax.lax.scan(count_block, winner * 0, blocks)[0], 1)

    share = cotangent / jax.lax.cond(any_tied, count_all, lambda: winner * 0 + 1)

    def visit(gradient: Array, block: tuple[Array, Array]) -> tuple[Array, Array]:
        numbers, values = block

        def winners(values: Array, turned: Array) -> Array:
            shares = log_shares(_similarity(values, turned))
            return jnp.sum(jnp.where(wins(numbers, shares), share[None, :] * shares, 0.0))

        def of_both() -> tuple[Array, Array]:
            of_values, of_turned = jax.grad(winners, argnums=(0, 1))(values, turned)
            return gradient + of_turned, of_values

        return jax.lax.cond(numbers[0] >= 0, of_both, lambda: (gradient, values * 0.0))

    of_turned, of_rows = jax.lax.scan(visit, turned * 0.0, blocks)
    return of_rows.reshape(-1, rows.shape[-1])[jnp.argsort(order)], of_turned.T


def _nearly(best: Float[Array, " s"]) -> Float[Array, " s"]:
    """Returns what values exceed that are equal to the best: computed elsewhere, they may differ in their last bits."""
    return best - jnp.maximum(_TIE, _TIE_SHARE * jnp.abs(best))


_best_of_rows.defvjp(_forward, _backward)


def _blocks(
    numbers: Int[Array, " v"], rows: Float[Array, "v c"], block_rows: int
) -> tuple[Int[Array, "k r"], Float[Array, "k r c"]]:
    """Returns the rows and their numbers in blocks; behind the last, zeros of the number -1."""
    count = -(-len(rows) // block_rows)
    behind = (0, count * block_rows - len(rows))
    numbers = jnp.pad(numbers, behind, constant_values=-1).reshape(count, block_rows)
    return numbers, jnp.pad(rows, (behind, (0, 0))).reshape(count, block_rows, -1)
