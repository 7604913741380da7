"""The symbolic half works where JAX is not installed."""

import subprocess
import sys

PROGRAM = """
import sys

MISSING = {"jax", "jaxlib", "equinox", "diffrax", "optax", "jaxtyping", "smoothspike"}

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MISSING:
            raise ImportError(f"{name} is not installed")

sys.meta_path.insert(0, Refuse())
import symbolic
print(symbolic.models.qif() == symbolic.NeuronModel.from_equations(
    "dV/dt = (V*(V - 1) + I)/tau_m; dI/dt = -I/tau_s",
    name="QIF", spike="V = oo", reset="V = -oo", inputs="I", parameters={"tau_m": 1.0, "tau_s": 0.5},
))
try:
    import jax
except ImportError as error:
    print(error)
"""


def test_symbolic_needs_neither_jax_nor_smoothspike():
    # the tests' working directory decides which checkout is imported, as for the tests themselves
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["True", "jax is not installed"]
