"""The slow, high-precision oracle: spike times to 40 digits and more, from textbook formulas in the membrane potential.

It shares no code with the packages it is compared with. All numbers belong to this module's own mpmath context `mp`
(50 digits, whatever the global precision of mpmath is); Python floats are taken at their exact binary value.

Conventions: a state is a tuple whose first entry is V (`-inf` right after a reset of a quadratic neuron), a trial lasts
from 0 to `duration`, a spike at exactly `duration` belongs to the trial, a spike at exactly an input time comes before
the input, inputs at or after `duration` are ignored, and an emitted spike acts after the reset of its neuron.
"""

from collections.abc import Callable, Mapping, Sequence

from mpmath.ctx_mp import MPContext

mp = MPContext()
mp.dps = 50

INFINITY = mp.inf
TIE = mp.mpf(10) ** -44  # spikes closer than this, in units of the trial duration, are simultaneous

State = tuple  # (V,) or (V, I)
Spike = tuple  # (time, index of the neuron)


def number(value):
    """The high-precision number with exactly the given value (Python or array scalar, string, mpmath number)."""
    return mp.mpf(value.item() if hasattr(value, "item") else value)


# --- the scalar equation du/dz = u**2 + q -----------------------------------------------------------------------------


def riccati_blow_up(u, q):
    """The z at which the solution of du/dz = u**2 + q that starts from `u` reaches +oo, or infinity."""
    if q > 0:
        root = mp.sqrt(q)
        return mp.atan2(root, u) / root if mp.isfinite(u) else mp.pi / root  # pi/2 - atan(u/root), no cancellation
    root = mp.sqrt(-q)
    if u <= root:
        return INFINITY
    return mp.atanh(root / u) / root if q < 0 else 1 / u


def riccati_age(u, q):
    """The z that the solution of du/dz = u**2 + q with q > 0 takes from -oo to `u`."""
    return riccati_blow_up(-u, q) if mp.isfinite(u) else mp.mpf(0)


def riccati_flow(u, q, z):
    """The solution of du/dz = u**2 + q at `z`, which lies before the blow-up."""
    if z == 0:
        return u
    root = mp.sqrt(abs(q))
    if q > 0:
        cosine, sine = mp.cos_sin(root * z)
        sine /= root
    elif q < 0:
        growth = mp.exp(root * z)
        cosine, sine = (growth + 1 / growth) / 2, mp.sinh(root * z) / root
    else:
        cosine, sine = mp.mpf(1), z
    if not mp.isfinite(u):
        return -cosine / sine
    return (u * cosine + q * sine) / (cosine - u * sine)


def squareplus(y):
    """A smooth positive function that approaches `y` for large and 0 for very negative arguments."""
    root = mp.sqrt(y * y + 4)
    return (y + root) / 2 if y >= 0 else 2 / (root - y)


# --- neurons ----------------------------------------------------------------------------------------------------------
# Protocol: `initial` (default state), `time_to_spike(state, within)` (which need not look further than `within`),
# `flow(state, elapsed)` (no spike in between), `fire(state, elapsed)` (flow up to the spike and reset),
# `jump(state, weight)`; with pseudospikes also `pseudo_phase(state, x, duration)` -> (time since reset, period) and
# `undriven(state)` -> the state without synaptic drive. A neuron with several input routes takes `route` in `jump`.


class QuadraticCurrent:
    """tau_m V' = V (V - 1) + I, tau_s I' = -I with tau_s = tau_m / 2; spike at +oo, reset to -oo, inputs I += w.

    With t in units of tau_m and z = 1 - exp(-t), u = V exp(t) obeys du/dz = u**2 + I(0).
    """

    def __init__(self, tau_m, tau_s, initial=(0, 0)):
        self.tau_m, self.tau_s = number(tau_m), number(tau_s)
        self.initial = tuple(number(value) for value in initial)
        if self.tau_m <= 0 or self.tau_s != self.tau_m / 2:
            raise ValueError("the oracle has the closed form for tau_s = tau_m / 2 > 0 only")

    def time_to_spike(self, state, within=INFINITY):
        z = riccati_blow_up(*state)
        return -self.tau_m * mp.log1p(-z) if z < 1 else INFINITY

    def flow(self, state, elapsed):
        V, I = state
        decay = mp.exp(-elapsed / self.tau_m)
        return riccati_flow(V, I, -mp.expm1(-elapsed / self.tau_m)) * decay, I * decay**2

    def fire(self, state, elapsed):
        return -INFINITY, state[1] * mp.exp(-elapsed / self.tau_s)

    def jump(self, state, weight):
        return state[0], state[1] + weight

    def undriven(self, state):
        return state[0], mp.zero

    def pseudo_phase(self, state, x, duration):
        """Phase and period under the constant current 1/4 + alpha squareplus((I + x) / alpha)."""
        V, I = state
        alpha = mp.hypot(mp.mpf("0.25"), (self.tau_m / number(duration)) ** 2)
        excess = alpha * squareplus((I + x) / alpha)  # above the rheobase 1/4: tau_m V' = (V - 1/2)**2 + excess
        return self.tau_m * riccati_age(V - mp.mpf("0.5"), excess), self.tau_m * mp.pi / mp.sqrt(excess)


class QuadraticDelta:
    """V' = a V**2 + b V + c with a > 0; spike at +oo, reset to -oo, inputs V += w.

    u = a V + b/2 obeys u' = u**2 + D, D = a c - b**2 / 4.
    """

    def __init__(self, a, b, c, initial=(0,)):
        self.a, self.b, self.c = number(a), number(b), number(c)
        self.initial = tuple(number(value) for value in initial)
        self.D = self.a * self.c - self.b**2 / 4
        if self.a <= 0:
            raise ValueError("a must be positive")

    def _u(self, V):
        return self.a * V + self.b / 2

    def time_to_spike(self, state, within=INFINITY):
        return riccati_blow_up(self._u(state[0]), self.D)

    def flow(self, state, elapsed):
        return ((riccati_flow(self._u(state[0]), self.D, elapsed) - self.b / 2) / self.a,)

    def fire(self, state, elapsed):
        return (-INFINITY,)

    def jump(self, state, weight):
        return (state[0] + weight,)

    def undriven(self, state):
        return state

    def pseudo_phase(self, state, x, duration):
        """Phase and period after V has jumped by `x`; D is lifted to sqrt(D**2 + duration**-4)."""
        D = mp.hypot(self.D, number(duration) ** -2)
        return riccati_age(self._u(state[0] + x), D), mp.pi / mp.sqrt(D)


def theta_neuron(tau_m, drive, initial=(0,)):
    """tau_m V' = V**2 + drive, V = tan(theta/2): the theta neuron (delta-coupled QIF neuron) of the papers."""
    tau_m = number(tau_m)
    return QuadraticDelta(1 / tau_m, 0, number(drive) / tau_m, initial)


class LeakyCurrent:
    """tau_m V' = -V + I, tau_s I' = -I; spike when V reaches V_th from below, reset to V_r, inputs I += w."""

    def __init__(self, tau_m, tau_s, V_th=1.0, V_r=0.0, initial=(0, 0)):
        self.tau_m, self.tau_s, self.V_th, self.V_r = (number(value) for value in (tau_m, tau_s, V_th, V_r))
        self.initial = tuple(number(value) for value in initial)
        if not (self.tau_m > 0 and self.tau_s > 0 and self.V_r < self.V_th):
            raise ValueError("need tau_m > 0, tau_s > 0 and V_r < V_th")

    def flow(self, state, elapsed):
        V, I = state
        membrane, synapse = mp.exp(-elapsed / self.tau_m), mp.exp(-elapsed / self.tau_s)
        if self.tau_m == self.tau_s:
            return (V + I * elapsed / self.tau_m) * membrane, I * synapse
        amplitude = I * self.tau_s / (self.tau_s - self.tau_m)
        return (V - amplitude) * membrane + amplitude * synapse, I * synapse

    def _extremum(self, state):
        """The one time at which V' = 0, or 0 if there is none in the future."""
        V, I = state
        if I == 0:
            return mp.mpf(0)
        if self.tau_m == self.tau_s:
            return max(mp.mpf(0), self.tau_m * (1 - V / I))
        amplitude = I * self.tau_s / (self.tau_s - self.tau_m)
        slow = (amplitude - V) * self.tau_s  # V' = 0: slow exp(-t/tau_m) = amplitude tau_m exp(-t/tau_s)
        if slow * amplitude <= 0:
            return mp.mpf(0)
        rate = 1 / self.tau_s - 1 / self.tau_m
        return max(mp.mpf(0), mp.log(amplitude * self.tau_m / slow) / rate)

    def time_to_spike(self, state, within=INFINITY):
        if state[0] >= self.V_th:
            raise ValueError("the neuron starts at or above its threshold")
        extremum = self._extremum(state)
        horizon = extremum + self.tau_m + self.tau_s
        if self.flow(state, extremum)[0] >= self.V_th:
            return self._crossing(state, mp.mpf(0), extremum)
        if self.V_th >= 0:
            return INFINITY  # from the extremum on V is monotone and tends to 0
        while self.flow(state, horizon)[0] < self.V_th:
            horizon *= 2
        return self._crossing(state, extremum, horizon)

    def _crossing(self, state, low, high):
        """The root of V - V_th between `low` (below threshold) and `high` (above): Newton steps, bisection as guard."""
        time, last = (low + high) / 2, high - low
        while True:
            V, I = self.flow(state, time)
            low, high = (time, high) if V < self.V_th else (low, time)
            slope = (I - V) / self.tau_m
            guess = time - (V - self.V_th) / slope if slope > 0 else low
            if not low <= guess <= high or 2 * abs(guess - time) > last:
                guess = (low + high) / 2
            last, time = abs(guess - time), guess
            if last <= mp.eps * (high + last) * 4:
                return time

    def fire(self, state, elapsed):
        return self.V_r, state[1] * mp.exp(-elapsed / self.tau_s)

    def jump(self, state, weight):
        return state[0], state[1] + weight


class LeakyDelta:
    """V' = drive - V; spike when V reaches V_th from below or by an input, reset to V_r, inputs V += w."""

    def __init__(self, drive, V_th=1, V_r=0, initial=(0,)):
        self.drive, self.V_th, self.V_r = (number(value) for value in (drive, V_th, V_r))
        self.initial = tuple(number(value) for value in initial)
        if not self.V_r < self.V_th:
            raise ValueError("need V_r < V_th")

    def time_to_spike(self, state, within=INFINITY):
        if state[0] >= self.V_th:
            return mp.mpf(0)
        return mp.log((self.drive - state[0]) / (self.drive - self.V_th)) if self.drive > self.V_th else INFINITY

    def flow(self, state, elapsed):
        return (self.drive + (state[0] - self.drive) * mp.exp(-elapsed),)

    def fire(self, state, elapsed):
        return (self.V_r,)

    def jump(self, state, weight):
        return (state[0] + weight,)


# --- trials -----------------------------------------------------------------------------------------------------------


def _input_queue(times, sources, duration):
    """The (time, source) pairs before the trial end, in order of time."""
    queue = [(number(time), int(source)) for time, source in zip(times, sources, strict=True)]
    if any(not time >= 0 for time, _ in queue) or not duration > 0:
        raise ValueError("input times must not be negative and the duration must be positive")
    return sorted((event for event in queue if event[0] < duration), key=lambda event: event[0])


def _jump_all(neurons, states, weights, source):
    """The states after a spike of `source`: neuron i receives weights[i][source], through every route given."""
    if isinstance(weights, Mapping):
        for route, matrix in weights.items():
            states = [
                n.jump(state, number(row[source]), route=route)
                for n, state, row in zip(neurons, states, matrix, strict=True)
            ]
        return states
    return [n.jump(state, number(row[source])) for n, state, row in zip(neurons, states, weights, strict=True)]


def _states(neurons, initial):
    if initial is None:
        return [neuron.initial for neuron in neurons]
    return [tuple(number(value) for value in state) for state in initial]


def simulate_recurrent(
    neurons, recurrent_weights, input_weights, input_times, input_sources, duration, initial=None
) -> tuple[list[Spike], list[State]]:
    """The spikes (time, neuron) of a network, event by event, and the states at the trial end.

    A spike of neuron j gives recurrent_weights[i][j] to every neuron i (itself included, after its reset); an input
    spike of source s gives input_weights[i][s]. Either may be a mapping from routes to such weights.
    """
    duration = number(duration)
    queue, states, spikes, now = _input_queue(input_times, input_sources, duration), _states(neurons, initial), [], 0
    tie = TIE * duration
    while True:
        until = queue[0][0] if queue else duration
        within = until - now + tie
        waits = [neuron.time_to_spike(state, within) for neuron, state in zip(neurons, states, strict=True)]
        spiking = min(waits) <= until - now + tie
        elapsed = min(waits) if spiking else until - now
        firing = [index for index, wait in enumerate(waits) if spiking and wait <= elapsed + tie]
        states = [
            neuron.fire(state, elapsed) if index in firing else neuron.flow(state, elapsed)
            for index, (neuron, state) in enumerate(zip(neurons, states, strict=True))
        ]
        now = min(now + elapsed, until) if spiking else until
        spikes += [(now, index) for index in firing]
        for index in firing:
            states = _jump_all(neurons, states, recurrent_weights, index)
        if not spiking:
            if not queue:
                return spikes, states
            states = _jump_all(neurons, states, input_weights, queue.pop(0)[1])


def simulate_single(neuron, times, weights, duration, initial=None) -> tuple[list, State]:
    """The spike times of one neuron with inputs of the given times and weights, and its state at the trial end.

    `weights` may be a mapping from routes to weights.
    """
    rows = {route: [row] for route, row in weights.items()} if isinstance(weights, Mapping) else [weights]
    spikes, states = simulate_recurrent(
        [neuron], [[0]], rows, times, range(len(times)), duration, None if initial is None else [initial]
    )
    return [time for time, _ in spikes], states[0]


def simulate_layered(
    layers, input_times, input_sources, duration, initial=None
) -> tuple[list[list[Spike]], list[list[State]]]:
    """The spikes (time, neuron) and the final states of each layer of a feed-forward stack.

    `layers` is a sequence of pairs (neurons, weights), weights[i][j] leading from neuron (or input) j of the previous
    layer to neuron i; `initial` holds one list of states per layer.
    """
    all_spikes, all_states = [], []
    for depth, (neurons, weights) in enumerate(layers):
        starts = _states(neurons, None if initial is None else initial[depth])
        results = [
            simulate_single(neuron, input_times, [row[source] for source in input_sources], duration, start)
            for neuron, row, start in zip(neurons, weights, starts, strict=True)
        ]
        spikes = sorted((time, index) for index, (times, _) in enumerate(results) for time in times)
        input_times, input_sources = [time for time, _ in spikes], [index for _, index in spikes]
        all_spikes.append(spikes)
        all_states.append([state for _, state in results])
    return all_spikes, all_states


# --- pseudospikes -----------------------------------------------------------------------------------------------------


def pseudospike_times(neuron, state, x, duration, count) -> list:
    """The first `count` pseudospikes after the trial end of a neuron that is then in `state` with pseudo-input `x`."""
    phase, period = neuron.pseudo_phase(state, number(x), duration)
    return [number(duration) + k * period - phase for k in range(1, count + 1)]


def pseudo_rate(neuron, state, x, duration):
    """The phase in units of the period: 0 right after a reset, 1 right before a spike."""
    phase, period = neuron.pseudo_phase(state, number(x), duration)
    return phase / period


def _weighted(weights, rates):
    return [mp.fsum(number(weight) * rate for weight, rate in zip(row, rates, strict=True)) for row in weights]


def layered_pseudospikes(layers, states, duration, count) -> list[list[list]]:
    """Per layer and neuron the first `count` pseudospikes; `states` as returned by `simulate_layered`."""
    result, rates = [], None
    for (neurons, weights), layer_states in zip(layers, states, strict=True):
        drive = [mp.mpf(0)] * len(neurons) if rates is None else _weighted(weights, rates)
        members = list(zip(neurons, layer_states, drive, strict=True))
        rates = [pseudo_rate(*member, duration) for member in members]
        result.append([pseudospike_times(*member, duration, count) for member in members])
    return result


def recurrent_pseudospikes(neurons, recurrent_weights, states, duration, count) -> list[list]:
    """Per neuron the first `count` pseudospikes; the rates behind x are those of the states without synaptic drive."""
    rates = [pseudo_rate(n, n.undriven(state), 0, duration) for n, state in zip(neurons, states, strict=True)]
    drive = _weighted(recurrent_weights, rates)
    return [
        pseudospike_times(neuron, state, x, duration, count)
        for neuron, state, x in zip(neurons, states, drive, strict=True)
    ]


# --- derivatives ------------------------------------------------------------------------------------------------------


def central_difference(function: Callable, point: Sequence, direction: int | Sequence, step="1e-14") -> list:
    """The derivative of function(point), a list of spike times or of (time, neuron), by a symmetric difference.

    `direction` is an index into the flat list `point` or a vector of its length. Truncation leaves about 28 digits.

    Raises:
        ValueError: the two sides differ in the number of spikes or in the order of the neurons.
    """
    point, step = [number(value) for value in point], number(step)
    if isinstance(direction, int):
        direction = [int(index == direction) for index in range(len(point))]
    sides = []
    for signed_step in (step, -step):
        moved = [value + signed_step * number(part) for value, part in zip(point, direction, strict=True)]
        sides.append([spike if isinstance(spike, tuple) else (spike, None) for spike in function(moved)])
    plus, minus = sides
    if [label for _, label in plus] != [label for _, label in minus]:
        raise ValueError("the number or the order of the spikes differs between the two sides")
    return [(after - before) / (2 * step) for (after, _), (before, _) in zip(plus, minus, strict=True)]
