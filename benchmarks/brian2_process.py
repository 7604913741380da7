"""Runs Brian2 in a process of its own, because it may need another NumPy than JAX does.

Started by `clock_driven.py` with a file that holds the network. It answers each line of its input by one line of JSON:
`build DT`, `run`, and `spikes FILE`, which writes the spikes of the last run.
"""

import json
import sys
from typing import Any

import numpy as np

EQUATIONS = """
dv/dt = (I - v)/tau_m : 1
dI/dt = -I/tau_s : 1
"""


def build(network: Any, dt: float) -> tuple[Any, Any]:
    """Declare the network with steps of `dt`."""
    import brian2 as b2  # pyright: ignore[reportMissingImports]

    b2.defaultclock.dt = dt * b2.second
    neurons = b2.NeuronGroup(
        network["recurrent"].shape[0],
        EQUATIONS,
        threshold="v > 1",
        reset="v = 0",
        method="exact",
        namespace={"tau_m": float(network["tau_m"]) * b2.second, "tau_s": float(network["tau_s"]) * b2.second},
    )
    times = network["times"]
    inputs = b2.SpikeGeneratorGroup(times.size, np.arange(times.size), times * b2.second)
    monitor = b2.SpikeMonitor(neurons)
    objects = [neurons, inputs, monitor]
    for source, weights in ((inputs, network["inputs"]), (neurons, network["recurrent"])):
        synapses = b2.Synapses(source, neurons, "w : 1", on_pre="I_post += w")
        after, before = np.nonzero(weights)
        synapses.connect(i=before, j=after)
        synapses.w = weights[after, before]
        objects.append(synapses)
    whole = b2.Network(objects)
    whole.store()
    return whole, monitor


def main() -> None:
    import brian2 as b2  # pyright: ignore[reportMissingImports]

    b2.BrianLogger.suppress_name("unused_brian_object")  # networks with other steps are given up on purpose
    network = np.load(sys.argv[1])
    duration = float(network["duration"]) * b2.second
    whole = monitor = None
    for line in sys.stdin:
        command, *arguments = line.split()
        reply: dict[str, Any] = {"version": b2.__version__}
        if command == "build":
            whole, monitor = build(network, float(arguments[0]))
        elif command == "run":
            assert whole is not None
            whole.restore()
            whole.run(duration, namespace={})
            neurons = next(each for each in whole.objects if isinstance(each, b2.NeuronGroup))
            reply["target"] = neurons.state_updater.codeobj.class_name
        else:
            assert monitor is not None
            np.savez(arguments[0], times=np.asarray(monitor.t / b2.second), sources=np.asarray(monitor.i))
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
