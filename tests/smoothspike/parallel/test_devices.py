"""Eight devices, or two processes of two devices each, learn what one device learns."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sharing

import smoothspike as ss
from smoothspike.parallel.devices import gather, replicate, require_divisible, shard_batch
from smoothspike.saving.file import read

SCRIPT = Path(sharing.__file__)


@pytest.fixture(scope="module")
def alone():
    return {"fitted": sharing.fitted(None), "looped": sharing.looped(None)}


def start(devices, *arguments):
    environment = os.environ | {
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "JAX_PLATFORMS": "cpu",
        "JAX_ENABLE_X64": str(jax.config.jax_enable_x64),
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        "PYTHONPATH": str(SCRIPT.parents[2]),
    }
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def outcomes(processes):
    """What every process printed last; if one fails or hangs, all are ended."""
    try:
        outputs = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (_, errors) in zip(processes, outputs, strict=True):
        assert process.returncode == 0, errors[-3000:]
    return [json.loads(output.splitlines()[-1]) for output, _ in outputs]


def assert_same(found, expected):
    for name, one in expected.items():
        for ours, theirs in zip(found[name]["history"], one["history"], strict=True):
            assert ours == pytest.approx(theirs, rel=1e-10)
        for ours, theirs in zip(found[name]["weights"], one["weights"], strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)


@pytest.mark.slow
def test_eight_devices_learn_what_one_learns(alone):
    (found,) = outcomes([start(8)])
    assert found["devices"] == 8
    assert_same(found, alone)


@pytest.mark.slow
def test_two_processes_resume_and_learn_what_one_learns(alone, tmp_path):
    sharing.fitted(None, epochs=1, checkpoint=tmp_path)
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    for found in outcomes([start(2, port, 2, process, tmp_path) for process in range(2)]):
        assert found["devices"] == 4
        assert_same(found, alone)
    assert len(read(tmp_path / "checkpoint.ss")[0]["history"]) == 2


def test_arrays_are_placed_and_everything_else_is_left_alone():
    mesh = ss.parallel.data_mesh(jax.devices()[:1])
    placed = replicate({"a": np.arange(3), "b": "text", "c": None, "d": jnp.ones(())}, mesh)
    assert placed["b"] == "text"
    assert placed["c"] is None
    assert placed["a"].sharding.is_fully_replicated
    assert gather(placed)["a"].tolist() == [0, 1, 2]
    # a mesh with explicit axes is used as if they were not
    batch = ss.Spikes(jnp.ones((4, 2)), jnp.zeros((4, 2), int))
    assert shard_batch(batch, jax.make_mesh((1, 1), ("a", "b"))).times.shape == (4, 2)


def test_a_mesh_needs_a_device():
    with pytest.raises(ValueError, match="at least one device"):
        ss.parallel.data_mesh([])


@pytest.mark.parametrize(("samples", "advice"), [(15, "use 8 or 16"), (3, "use 8, or fewer")])
def test_uneven_batches_are_refused(samples, advice):
    mesh = ss.parallel.data_mesh()
    eight = type("Mesh", (), {"size": 8, "devices": mesh.devices})()
    with pytest.raises(ValueError, match=f"has {samples} samples, which 8 devices cannot share evenly; {advice}"):
        require_divisible(samples, eight, "a batch")
