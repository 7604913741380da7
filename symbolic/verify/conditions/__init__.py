"""The conditions for continuous spikes, on the neuron alone and on every input route."""
