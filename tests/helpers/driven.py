"""Spike times of single neurons under a current that is a function of time, by SciPy: shares no code with the packages.

A neuron is its rates as a function of (t, states), with the current put in as a function of time, and integrated from
break to break, where a break is an input, a step or a kink of the current.
"""

from itertools import pairwise

import numpy as np
from scipy.integrate import solve_ivp


def piecewise_constant(times, values):
    """Value k from time k on, 0 before the first."""
    return lambda t: 0.0 if t < times[0] else values[np.searchsorted(times, t, side="right") - 1]


def piecewise_linear(times, values):
    """Linear between points, constant outside."""
    return lambda t: float(np.interp(t, times, values))


def quadratic(a, b, c):
    """A quadratic neuron V' = a V**2 + b V + c(t, others), as the angle 2 atan(V), which spikes at pi."""

    def rate(t, angle, *others):
        sine, cosine = np.sin(angle / 2), np.cos(angle / 2)
        return 2 * (a * sine**2 + b * sine * cosine + c(t, *others) * cosine**2)

    return rate


def spike_times(rates, start, duration, breaks, *, threshold, reset, inputs=()):
    """The spike times of a neuron up to the trial end.

    Args:
        rates: From (t, states) to the rates of all states, the spiking one first.
        start: The states at time 0.
        duration: The trial end.
        breaks: Where the rates jump or kink in time.
        threshold: Where the first state spikes.
        reset: From states to states.
        inputs: Pairs of a time and a function from states to states.
    """
    inputs = sorted(inputs, key=lambda each: each[0])
    edges = sorted({0.0, duration, *(b for b in breaks if 0 < b < duration), *(time for time, _ in inputs)})
    states, found = np.array(start, float), []

    def crossing(_, y):
        return y[0] - threshold

    vars(crossing).update(terminal=True, direction=1)
    for begin, end in pairwise(edges):
        for time, effect in inputs:
            if time == begin:
                states = np.array(effect(states), float)
        now, middle = begin, np.nextafter(end, begin)

        def inside(t, y, middle=middle):
            return rates(min(t, middle), y)

        while now < end:
            solved = solve_ivp(
                inside, (now, end), states, method="DOP853", rtol=1e-13, atol=1e-14, events=crossing, dense_output=True
            )
            if not solved.t_events[0].size:
                states = solved.y[:, -1]
                break
            now = float(solved.t_events[0][0])
            found.append(now)
            states = np.array(reset(solved.sol(now)), float)
    return found
