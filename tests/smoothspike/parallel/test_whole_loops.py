"""Whether loops are compiled into one kernel, by what XLA compiles; in processes of their own, as it is for good."""

import os
import subprocess
import sys

import pytest

COUNT_WHOLE = """
import jax, jax.numpy as jnp
loop = jax.jit(lambda x: jax.lax.scan(lambda x, _: (jnp.sin(x), None), x, length=9)[0])
print(loop.lower(jnp.ones(5000)).compile().as_text().count('xla_cpu_small_call="true"'))
"""


def run(program, flags=""):
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=os.environ | {"XLA_FLAGS": flags}
    )


@pytest.mark.parametrize(
    "flags", ["", "--xla_cpu_enable_fast_math=false --xla_backend_extra_options=xla_cpu_disable_loop_unrolling=true"]
)
def test_loops_become_kernels(flags):
    """Also where flags have been set before, which stay."""
    assert int(run(COUNT_WHOLE, flags).stdout) == 0
    found = run(
        "import smoothspike as ss\nss.compile_loops_whole()\nss.compile_loops_whole()\n"
        f"{COUNT_WHOLE}\nimport os\nprint(os.environ['XLA_FLAGS'])",
        flags,
    )
    whole, then = found.stdout.splitlines()
    assert int(whole) == 1
    assert set(flags.replace("=", " ").split()) <= set(then.replace("=", " ").replace(",", " ").split())
    assert then.count("threshold") == 1


def test_too_late():
    found = run("import jax.numpy as jnp\njnp.ones(3) + 1\nimport smoothspike as ss\nss.compile_loops_whole()")
    assert "RuntimeError: JAX has computed something already" in found.stderr
