"""Absolute refractoriness of the neurons of `reference`, in 50 digits: V is held after a spike, the others go on."""

from .reference import mp, number


class Refractory:
    """A neuron of `reference` whose V is held for a time after each spike; its state ends in the time that is left.

    Args:
        neuron: The neuron.
        period: For how long it is held.
        held: What becomes of a state of the neuron that is held for a time.
    """

    def __init__(self, neuron, period, held):
        self.neuron, self.period, self._held = neuron, number(period), held
        self.initial = (*neuron.initial, mp.zero)

    def _released(self, state, elapsed):
        until = min(elapsed, state[-1])
        return self._held(state[:-1], until), elapsed - until, state[-1] - until

    def time_to_spike(self, state, within=mp.inf):
        own, _, _ = self._released(state, state[-1])
        return state[-1] + self.neuron.time_to_spike(own, within)

    def flow(self, state, elapsed):
        own, rest, remaining = self._released(state, elapsed)
        return (*(self.neuron.flow(own, rest) if rest else own), remaining)

    def fire(self, state, elapsed):
        own, rest, _ = self._released(state, elapsed)
        return (*self.neuron.fire(own, rest), self.period)

    def jump(self, state, weight):
        after = self.neuron.jump(state[:-1], weight)
        return ((state[0], *after[1:]) if state[-1] > 0 else after) + state[-1:]

    def undriven(self, state):
        return (*self.neuron.undriven(state[:-1]), state[-1])

    def pseudo_phase(self, state, x, duration):
        phase, period = self.neuron.pseudo_phase(state[:-1], x if state[-1] == 0 or len(state) > 2 else 0, duration)
        return phase + self.period - state[-1], period + self.period


def decaying(tau_s):
    """Hold a state (V, I) with a current that decays."""
    return lambda state, elapsed: (state[0], state[1] * mp.exp(-elapsed / number(tau_s)))


def alone(state, elapsed):
    """Hold a state (V,)."""
    return state
