"""The memory of a step is known before it runs, and a budget is kept."""

import equinox as eqx
import jax.numpy as jnp
import pytest
import sharing

import smoothspike as ss
from smoothspike.parallel.memory import largest_within, num_bytes, readable


def mean_loss(weight, xs):
    """Every sample needs a matrix of 100 x 100 numbers."""
    hidden = jnp.tanh(weight * xs[:, :, None] * xs[:, None, :])
    return jnp.mean(jnp.linalg.norm(jnp.sin(hidden @ hidden), axis=(1, 2)))


WEIGHT, XS = jnp.array(0.5), jnp.ones((24, 100))


def needed(chunk):
    return ss.parallel.memory_needed(ss.parallel.value_and_grad_in_chunks(mean_loss, chunk), WEIGHT, XS)


def test_chunks_need_less_memory():
    whole, quarter, one = needed(24), needed(6), needed(1)
    assert one < quarter < whole
    assert quarter < 0.5 * whole


def test_the_largest_chunk_within_a_budget():
    budget = (needed(8) + needed(12)) // 2
    assert ss.parallel.largest_chunk(mean_loss, budget, WEIGHT, XS) == 8
    assert ss.parallel.largest_chunk(mean_loss, "1 GB", WEIGHT, XS) == 24
    with pytest.raises(ValueError, match=r"the smallest chunk, 1 samples, needs .* KiB, but the budget is 1.0 KiB"):
        ss.parallel.largest_chunk(mean_loss, "1 KiB", WEIGHT, XS)


def test_a_jitted_function_is_measured_as_it_is():
    assert ss.parallel.memory_needed(eqx.filter_jit(mean_loss), WEIGHT, XS) == ss.parallel.memory_needed(
        mean_loss, WEIGHT, XS
    )


@pytest.mark.parametrize(
    ("budget", "devices", "chunk"), [(64, 1, 64), (63, 1, 32), (17, 1, 16), (1, 1, 1), (17, 8, 16)]
)
def test_bisection_over_divisors(budget, devices, chunk):
    assert largest_within(budget, lambda size: size, 64, devices) == chunk


def test_bisection_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="the smallest chunk, 8 samples, needs 8 B, but the budget is 4 B"):
        largest_within(4, lambda size: size, 64, 8)
    with pytest.raises(ValueError, match="6 devices cannot share 64 samples"):
        largest_within(4, lambda size: size, 64, 6)


def test_sizes_in_text():
    assert num_bytes("2 GiB") == 2**31
    assert num_bytes("2GB") == 2 * 10**9
    assert num_bytes("0.5 kB") == 500
    assert readable(2**20) == "1.0 MiB"
    for wrong in ("2", "GiB", "2 TB", "-1 GiB", 0):
        with pytest.raises(ValueError, match="must be a number of bytes, or text such as"):
            num_bytes(wrong)


@pytest.mark.slow
def test_fit_keeps_a_budget():
    options = {"epochs": 1, "validation": None}
    plenty = sharing.fitted(None, memory="1 GiB", **options)
    assert plenty["history"][0]["loss"] > 0
    with pytest.raises(ValueError, match="the smallest chunk, 1 samples, needs"):
        sharing.fitted(None, memory="1 KiB", **options)


def test_fit_refuses_contradictions():
    with pytest.raises(ValueError, match="but not both"):
        sharing.fitted(None, chunk=4, memory="1 GiB")
    with pytest.raises(ValueError, match="chunk is 0"):
        sharing.fitted(None, chunk=0)
    with pytest.raises(ValueError, match="must be a number of bytes, or text such as"):
        sharing.fitted(None, memory="much")
