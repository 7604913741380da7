"""What a loop picks from large arrays goes aside: nothing changes, and nothing is copied or shared out."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import smoothspike as ss
from smoothspike.kernels.aside import aside, aside_room

COUNT, EVENTS, MANY, T = 40, 6, 70_400, 4.0


def through(table, indices, changes, *, by_way):
    """Pick some entries, change them by what they are, and so on; return all that was picked."""

    def step(carry, event):
        room, table, turn = carry
        indices, change = event
        found = table[indices]
        if by_way:
            room, found = aside(room, turn, found)
        return (room, table.at[indices].add(jnp.sin(found) * change), 1 - turn), found

    start = aside_room(indices.shape[1:], table.dtype), table, jnp.array(0)
    return jax.lax.scan(step, start, (indices, changes))[1]


@pytest.fixture(scope="module")
def drawn():
    generator = np.random.default_rng(1)
    indices = np.stack([generator.choice(COUNT, 3, replace=False) for _ in range(EVENTS)])
    return generator.normal(size=COUNT), indices, generator.normal(size=(EVENTS, 3))


@pytest.mark.parametrize("kind", ["value", "gradient", "forward", "second", "batch", "gradient of a batch"])
def test_values_and_derivatives_are_those_of_what_is_picked(drawn, kind):
    table, indices, changes = drawn

    def total(by_way):
        return lambda table, changes: jnp.sum(through(table, indices, changes, by_way=by_way) ** 2)

    def all_of(batch):
        return lambda *arrays: jnp.sum(jax.vmap(batch, (0, None))(*arrays))

    tables = np.stack([table, 2 * table])
    work = {
        "value": lambda total: total(table, changes),
        "gradient": lambda total: jax.grad(total, (0, 1))(table, changes),
        "forward": lambda total: jax.jvp(total, (table, changes), (1 - table, 1 - changes)),
        "second": lambda total: jax.hessian(total)(table, changes),
        "batch": lambda total: jax.vmap(total, (0, None))(tables, changes),
        "gradient of a batch": lambda total: jax.grad(all_of(total), (0, 1))(tables, changes),
    }[kind]
    with jax.enable_x64(True):
        found, expected = (jax.jit(work, static_argnums=0)(total(by_way)) for by_way in (True, False))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12), found, expected)


def test_what_is_picked_backwards_goes_aside_too(drawn):
    table, indices, changes = drawn
    gradient = jax.grad(lambda table: jnp.sum(through(table, indices, changes, by_way=True)))
    assert str(jax.make_jaxpr(gradient)(jnp.asarray(table))).count("= aside") == 2


@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize("trials", [None, 2])
def test_an_event_copies_nothing_and_that_of_one_trial_is_read_by_one_core(is_late, trials):
    generator = np.random.default_rng(2)
    part = MANY // 3
    targets = np.arange(3) * part + generator.integers(0, part, (MANY, 3))
    weights = generator.normal(size=targets.shape)
    own = ss.Connections(targets, weights, generator.uniform(0.1, 0.2, targets.shape) if is_late else None)
    net = ss.Recurrent(
        ss.Neuron(ss.models.qif()), MANY, 2, T, recurrent_weights=own, capacity=16,
        input_weights=ss.Connections([[0], [1]], [[3.0], [3.0]]),
    )  # fmt: skip
    times, sources = np.array([0.5, 1.0]), np.array([0, 1])
    spikes = ss.Spikes(times, sources) if trials is None else ss.Spikes([times] * trials, [sources] * trials)
    program = jax.jit(lambda net, spikes: net(spikes).spikes[0].times).lower(net, spikes).compile().as_text()
    loops = [part for part in re.split(r"\n(?=%|ENTRY)", program) if "while/body" in part and part[0] == "%"]
    lines = [line for part in loops for line in part.splitlines()]
    # all neurons, or all blocks of 16 of them
    copied = [line for line in lines if re.search(rf"= \w+\[(\d+,)?({MANY}|{MANY // 16})[],].* copy\(", line)]
    # writes are marked, too, but one core does them: they take no time more for it
    shared = [line for line in lines if "outer_dimension_partitions" in line and not re.match(r" *%\w*scatter", line)]
    assert lines
    assert not copied
    if trials is None:
        assert not [line for line in shared if "while/body" in line]


def test_a_room_of_another_shape_is_refused():
    with pytest.raises(TypeError, match="goes through the room of another"):
        aside(aside_room((3,), float), jnp.array(0), jnp.ones(2))
