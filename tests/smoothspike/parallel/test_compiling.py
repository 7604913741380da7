"""Devices that are cores keep to themselves, and only these."""

import os
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import smoothspike as ss
from smoothspike.parallel import compiling
from smoothspike.training import step


def devices(platform, processes):
    """What the function asks of a mesh."""
    return SimpleNamespace(
        devices=np.array([SimpleNamespace(platform=platform, process_index=process) for process in processes])
    )


@pytest.fixture
def cores(monkeypatch):
    """Pretend that the processor has so many."""
    return lambda count: monkeypatch.setattr(compiling, "_cores", lambda: count)


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core has nobody to share with")
def test_no_kernel_is_shared_out(cores):
    cores(1)
    options = ss.compiler_options(ss.data_mesh(jax.devices()[:1]))
    program = jax.jit(jnp.sin).lower(jax.ShapeDtypeStruct((1000, 1000), jnp.float32))
    assert len(options) == 2
    assert "outer_dimension_partitions" in str(program.compile().as_text())
    assert "outer_dimension_partitions" not in str(program.compile(options).as_text())


@pytest.mark.parametrize(
    ("mesh", "count", "is_core"),
    [
        (devices("cpu", [0, 0]), 2, True),
        (devices("cpu", [0, 0]), 3, True),
        (devices("cpu", [0, 0]), 4, False),
        (devices("cpu", [0, 1]), 1, False),
        (devices("gpu", [0, 0]), 1, False),
    ],
)
def test_whose_devices_are_cores(cores, mesh, count, is_core):
    cores(count)
    assert bool(ss.compiler_options(mesh)) == is_core


def test_what_is_not_known_is_left_out(cores, monkeypatch):
    cores(1)
    monkeypatch.setattr(compiling, "_ONE_CORE", compiling._ONE_CORE | {"xla_no_such_option": "1"})
    assert set(ss.compiler_options(ss.data_mesh(jax.devices()[:1]))) == {
        "xla_disable_hlo_passes", "xla_cpu_scheduler_type"
    }  # fmt: skip


def test_fit_compiles_with_them(monkeypatch):
    monkeypatch.setattr(step, "compiler_options", lambda mesh: {"xla_no_such_option": str(mesh.size)})
    net = ss.FeedForward(ss.Neuron(ss.models.qif_delta()), (4, 3), 4.0, key=jax.random.key(0))
    with pytest.raises(jax.errors.JaxRuntimeError, match="xla_no_such_option"):
        ss.fit(
            net, ss.datasets.yin_yang(size=2), lambda times, label: times[label], batch_size=2, progress=False,
            mesh=ss.data_mesh(jax.devices()[:1]),
        )  # fmt: skip
