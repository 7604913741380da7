"""The oracle against a Taylor integrator, a general ODE solver in a phase coordinate, and known closed forms."""

import mpmath
import numpy as np
import pytest
from reference import (
    INFINITY,
    LeakyCurrent,
    LeakyDelta,
    QuadraticCurrent,
    QuadraticDelta,
    central_difference,
    layered_pseudospikes,
    mp,
    number,
    pseudo_rate,
    pseudospike_times,
    recurrent_pseudospikes,
    riccati_blow_up,
    simulate_layered,
    simulate_recurrent,
    simulate_single,
    squareplus,
    theta_neuron,
)
from scipy.integrate import solve_ivp

pytestmark = pytest.mark.slow


DELTAS = [(0.7, 0.3, 0.4), (0.7, -0.9, -0.4), (0.5, 1.0, 0.5), (0.2, 0.0, 0.3)]  # D > 0, < 0, = 0, > 0
LEAKY = [(2.0, 1.0), (1.5, 1.5), (2.0, 0.7), (0.8, 3.1)]


def quadratic_current_field(neuron):
    return lambda t, y: [(y[0] * (y[0] - 1) + y[1]) / neuron.tau_m, -y[1] / neuron.tau_s]


def quadratic_delta_field(neuron):
    return lambda t, y: [neuron.a * y[0] ** 2 + neuron.b * y[0] + neuron.c]


def leaky_field(neuron):
    return lambda t, y: [(y[1] - y[0]) / neuron.tau_m, -y[1] / neuron.tau_s]


def assert_flow_matches_taylor_integrator(neuron, field, state, elapsed):
    state, elapsed = tuple(number(value) for value in state), number(elapsed)
    assert neuron.time_to_spike(state) > elapsed
    with mp.workdps(28):
        expected = mp.odefun(field, 0, list(state))(elapsed)
    for value, reference in zip(neuron.flow(state, elapsed), expected, strict=True):
        assert abs(value - reference) < 1e-22 * (1 + abs(reference))


@pytest.mark.parametrize("state", [(0.3, 1.5), (-2.5, -3.0), (0.8, 0.0), (1.5, -2.5), (3.0, -1.0)])
def test_quadratic_current_flow(state):
    neuron = QuadraticCurrent(1.4, 0.7)
    elapsed = min(neuron.time_to_spike(tuple(number(v) for v in state)) * mp.mpf("0.8"), mp.mpf("1.3"))
    assert_flow_matches_taylor_integrator(neuron, quadratic_current_field(neuron), state, elapsed)


@pytest.mark.parametrize("parameters", DELTAS)
@pytest.mark.parametrize("V", [-3.0, 0.2, 1.8])
def test_quadratic_delta_flow(parameters, V):
    neuron = QuadraticDelta(*parameters)
    elapsed = min(neuron.time_to_spike((number(V),)) * mp.mpf("0.8"), mp.mpf("1.3"))
    assert_flow_matches_taylor_integrator(neuron, quadratic_delta_field(neuron), (V,), elapsed)


@pytest.mark.parametrize("constants", LEAKY)
def test_leaky_flow(constants):
    neuron = LeakyCurrent(*constants, V_th=9)
    assert_flow_matches_taylor_integrator(neuron, leaky_field(neuron), (-0.4, 3.0), 2.1)


def test_flow_from_a_reset_inverts_the_flow_to_the_spike():
    """Time reversal maps V to 1 - V: from -oo the neuron takes as long as it needs from the mirrored value to +oo."""
    for parameters in DELTAS:
        neuron = QuadraticDelta(*parameters)
        (V,) = neuron.flow((-INFINITY,), mp.mpf("0.6"))
        mirrored = -V - neuron.b / neuron.a
        assert abs(neuron.time_to_spike((mirrored,)) - mp.mpf("0.6")) < 1e-45
        assert abs(neuron.flow((-INFINITY,), mp.mpf("1e-30"))[0] * neuron.a * mp.mpf("1e-30") + 1) < 1e-29


@pytest.mark.parametrize("neuron", [QuadraticCurrent(1, 0.5), *(QuadraticDelta(*p) for p in DELTAS)])
def test_the_flow_just_before_a_spike_diverges(neuron):
    state = (mp.mpf(5), mp.mpf("0.3"))[: len(neuron.initial)]
    wait = neuron.time_to_spike(state)
    slope = getattr(neuron, "a", 1)
    before = neuron.flow(state, wait - mp.mpf("1e-20"))[0]
    assert abs(before * slope * mp.mpf("1e-20") - 1) < 1e-18  # V ~ 1 / (a (t* - t))


def test_blow_up_time_is_continuous_through_zero_current():
    times = [riccati_blow_up(mp.mpf(2), q) for q in (mp.mpf("1e-40"), mp.mpf(0), mp.mpf("-1e-40"))]
    assert max(times) - min(times) < 1e-39
    assert riccati_blow_up(mp.mpf(1), mp.mpf(-1)) == INFINITY  # on the separatrix
    assert riccati_blow_up(mp.mpf(0), mp.mpf(0)) == riccati_blow_up(-INFINITY, mp.mpf(-1)) == INFINITY


# --- a whole network with a general ODE solver; quadratic neurons in the half phase h, V = tan(h) --------------------


def is_leaky(neuron):
    return isinstance(neuron, LeakyCurrent)


def coordinate_field(neuron, y):
    if is_leaky(neuron):
        return leaky_field(neuron)(0, y)
    sine, cosine = np.sin(y[0]), np.cos(y[0])
    if isinstance(neuron, QuadraticDelta):
        a, b, c = float(neuron.a), float(neuron.b), float(neuron.c)
        return [a * sine**2 + b * sine * cosine + c * cosine**2]
    tau_m, tau_s = float(neuron.tau_m), float(neuron.tau_s)
    return [(sine**2 - sine * cosine + y[1] * cosine**2) / tau_m, -y[1] / tau_s]


def coordinate_jump(neuron, y, weight):
    if isinstance(neuron, QuadraticDelta):
        return np.array([np.arctan(np.tan(y[0]) + weight)])
    return y + np.array([0.0, weight])


def brute_force(neurons, recurrent_weights, input_weights, times, sources, duration):
    """Spikes by numerical integration: h in (-pi/2, pi/2), a spike where it leaves through pi/2."""
    sizes = [len(neuron.initial) for neuron in neurons]
    parts = [slice(end - size, end) for size, end in zip(sizes, np.cumsum(sizes), strict=True)]
    thresholds = [float(n.V_th) if is_leaky(n) else np.pi / 2 for n in neurons]
    resets = [float(n.V_r) if is_leaky(n) else -np.pi / 2 for n in neurons]

    def field(t, y):
        slopes = [coordinate_field(n, y[p].tolist()) for n, p in zip(neurons, parts, strict=True)]
        return np.concatenate(slopes)

    def crossing(index):
        def event(t, y):
            return y[parts[index].start] - thresholds[index]

        event.__dict__.update(terminal=True, direction=1)
        return event

    def jump_all(y, weights, source):
        jumped = [coordinate_jump(n, y[p], row[source]) for n, p, row in zip(neurons, parts, weights, strict=True)]
        return np.concatenate(jumped)

    events = [crossing(index) for index in range(len(neurons))]
    queue = [*sorted(zip(times, sources, strict=True)), (duration, None)]
    y, now, spikes = np.concatenate([np.array(n.initial, dtype=float) for n in neurons]), 0.0, []
    while queue:
        until = queue[0][0]
        solution = solve_ivp(field, (now, until), y, method="DOP853", rtol=1e-12, atol=1e-13, events=events)
        now, y = solution.t[-1], solution.y[:, -1].copy()
        if solution.status == 1:
            (index,) = [k for k, hits in enumerate(solution.t_events) if len(hits)]
            y[parts[index].start] = resets[index]
            spikes.append((now, index))
            y = jump_all(y, recurrent_weights, index)
        else:
            source = queue.pop(0)[1]
            y = y if source is None else jump_all(y, input_weights, source)
    return spikes


def assert_matches_brute_force(neurons, scale, seed, least):
    generator, count, duration = np.random.default_rng(seed), len(neurons), 4.0
    recurrent = scale * generator.normal(0, 0.5, (count, count))
    inputs = scale * generator.normal(1.2, 1.0, (count, 6))
    times = generator.uniform(0, duration, 6)
    spikes, _ = simulate_recurrent(neurons, recurrent, inputs, times, range(6), duration)
    expected = brute_force(neurons, recurrent, inputs, times, range(6), duration)
    assert len(spikes) >= least
    assert {index for _, index in spikes} == set(range(count))
    assert [index for _, index in spikes] == [index for _, index in expected]
    np.testing.assert_allclose([float(time) for time, _ in spikes], [time for time, _ in expected], atol=1e-9, rtol=0)


@pytest.mark.parametrize("seed", [0, 1])
def test_quadratic_current_network(seed):
    neurons = [QuadraticCurrent(tau, tau / 2) for tau in (0.5, 1.0, 1.5)]
    assert_matches_brute_force(neurons, 12.0, seed, least=5)


@pytest.mark.parametrize("parameters", DELTAS)
def test_quadratic_delta_network(parameters):
    assert_matches_brute_force([QuadraticDelta(*parameters), QuadraticDelta(1.0, 0.1, 2.0)], 2.5, 1, least=4)


@pytest.mark.parametrize("constants", LEAKY)
def test_leaky_network(constants):
    neurons = [LeakyCurrent(*constants), LeakyCurrent(1.0, 0.6, V_th=0.9, V_r=-0.5)]
    assert_matches_brute_force(neurons, 3.0, 0, least=5)


def test_negative_threshold_is_reached_on_the_way_back_from_inhibition():
    neuron = LeakyCurrent(2.0, 1.0, V_th=-0.5, V_r=-1.0, initial=(-0.6, -2.0))
    expected = brute_force([neuron], [[0.0]], [[0.0]], [], [], 6.0)
    times, _ = simulate_single(neuron, [], [], 6.0)
    assert len(times) == len(expected) >= 2
    np.testing.assert_allclose([float(time) for time in times], [time for time, _ in expected], atol=1e-9)


# --- known closed forms -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ratio", [1, 2])
def test_leaky_closed_forms(ratio):
    """First spikes by Lambert W for tau_m = tau_s, by a quadratic equation for tau_m = 2 tau_s (one input at t = 0)."""
    for weight in ("4.5", "8", "100"):
        w = mp.mpf(weight)
        neuron = LeakyCurrent(2, mp.mpf(2) / ratio, V_th=1)
        if ratio == 1:
            expected = -2 * mp.lambertw(-1 / w).real
        else:
            expected = -2 * mp.log((1 + mp.sqrt(1 - 4 / w)) / 2)
        assert abs(simulate_single(neuron, [0], [w], 2)[0][0] - expected) < 1e-45


def test_leaky_grazing():
    """The spike of tau_m = 2 tau_s vanishes, mid-trial, just where its maximum w/4 falls below the threshold."""
    neuron = LeakyCurrent(2, 1, V_th=1)
    assert simulate_single(neuron, [0], [mp.mpf(4) - mp.mpf("1e-30")], 5)[0] == []
    (time,) = simulate_single(neuron, [0], [mp.mpf(4) + mp.mpf("1e-30")], 5)[0]
    assert abs(time - 2 * mp.log(2)) < 1e-14


def test_leaky_delta():
    """It fires with the period log(drive / (drive - 1)), or at inputs alone."""
    drive = mp.mpf(2)
    spikes, _ = simulate_single(LeakyDelta(drive), [], [], 3)
    assert [abs(time - k * mp.log(2)) < mp.mpf(10) ** -45 for k, time in enumerate(spikes, 1)] == [True] * 4
    spikes, (potential,) = simulate_single(LeakyDelta(0), [0.5, 1.5, 2.0], [0.75, 0.9, 0.25], 3)
    assert spikes == [1.5]
    assert abs(potential - mp.mpf("0.25") * mp.exp(-1)) < mp.mpf(10) ** -45


def test_winding():
    """A periodic neuron spikes at every period; a strong current makes many spikes in one interval."""
    tau, drive = mp.mpf("1.5"), mp.mpf(3)
    times, (V,) = simulate_single(theta_neuron(tau, drive), [], [], 40)
    period = tau * mp.pi / mp.sqrt(drive)
    assert len(times) == 15
    assert max(abs(time - (k + mp.mpf("0.5")) * period) for k, time in enumerate(times)) < 1e-45
    assert abs(V - mp.sqrt(drive) * mp.tan(mp.sqrt(drive) * 40 / tau)) < 1e-43
    w = mp.mpf(2000)
    times, _ = simulate_single(QuadraticCurrent(1, 0.5), [0], [w], 50)
    expected = [-mp.log(1 - (k + mp.mpf("0.5")) * mp.pi / mp.sqrt(w)) for k in range(14)]
    assert abs(times[0] - expected[0]) < 1e-45
    assert len(times) == int(mp.sqrt(w) / mp.pi + mp.mpf("0.5")) == 14
    assert max(abs(a - b) for a, b in zip(times, expected, strict=True)) < 1e-40


def test_inputs_need_no_order_and_end_with_the_trial():
    neuron = QuadraticCurrent(1, 0.5)
    one = simulate_single(neuron, [0.5, 0.1, 3.0, 2.0], [9, 30, 400, 400], 2.0)
    two = simulate_single(neuron, [0.1, 0.5], [30, 9], 2.0)
    assert one == two
    assert len(one[0]) > 0
    with pytest.raises(ValueError, match="negative"):
        simulate_single(neuron, [-0.1], [1], 2.0)


def test_a_spike_at_an_input_time_or_at_the_trial_end_counts_once():
    neuron = QuadraticCurrent(1, 0.5)
    (first, *_), _ = simulate_single(neuron, [0], [30], 2)
    assert simulate_single(neuron, [0], [30], first)[0] == [first]
    times, state = simulate_single(neuron, [0, first], [30, 5], first + mp.mpf("1e-10"))
    assert times == [first]
    assert state[0] < -1e9


def test_layers_equal_a_recurrent_network_without_loops():
    weights_1, weights_2 = [[20, 15], [-4, 40]], [[9, 12]]
    times, sources = [0.1, 0.4, 0.9], [0, 1, 1]
    neurons = [QuadraticCurrent(tau, tau / 2) for tau in (0.5, 1.0, 1.5)]
    layers = [(neurons[:2], weights_1), (neurons[2:], weights_2)]
    spikes, states = simulate_layered(layers, times, sources, 3)
    recurrent = [[0, 0, 0], [0, 0, 0], [9, 12, 0]]
    flat, flat_states = simulate_recurrent(neurons, recurrent, [*weights_1, [0, 0]], times, sources, 3)
    expected = sorted(spikes[0] + [(time, 2) for time, _ in spikes[1]])
    assert len(spikes[1]) > 0
    assert [index for _, index in flat] == [index for _, index in expected]
    assert max(abs(a - b) for (a, _), (b, _) in zip(flat, expected, strict=True)) < 1e-40
    for one, other in zip([*states[0], *states[1]], flat_states, strict=True):
        assert max(abs(a - b) for a, b in zip(one, other, strict=True)) < 1e-35


def test_a_self_connection_acts_after_the_reset():
    neuron = theta_neuron(1, 1)
    jump = mp.mpf("2.5")
    spikes, _ = simulate_recurrent([neuron], [[jump]], [[]], [], [], 5)
    plain, _ = simulate_recurrent([neuron], [[0]], [[]], [], [], 5)
    assert spikes == plain  # a finite jump of an infinite potential
    current = QuadraticCurrent(1, 0.5, initial=(0, 30))
    spikes, _ = simulate_recurrent([current], [[30]], [[]], [], [], 1.5)
    first = mp.pi / 2 / mp.sqrt(30)
    I = 30 + 30 * (1 - first) ** 2
    assert abs(spikes[1][0] + mp.log(1 - first) + mp.log(1 - mp.pi / mp.sqrt(I))) < 1e-45


# --- derivatives and pseudospikes -------------------------------------------------------------------------------------


def test_central_difference_against_the_phase_response():
    neuron, t_1 = QuadraticDelta(0.7, 0.3, 0.4), mp.mpf("0.25")

    def first(point):
        return simulate_single(neuron, [t_1], [point[0]], 20)[0][:1]

    u = neuron.a * (neuron.flow((mp.mpf(0),), t_1)[0] + mp.mpf("0.5")) + neuron.b / 2
    (slope,) = central_difference(first, ["0.5"], 0)
    assert abs(slope + neuron.a / (u**2 + neuron.D)) < 1e-26
    (halved,) = central_difference(first, ["0.5"], ["0.5"])
    assert abs(halved - slope / 2) < 1e-26


def test_central_difference_refuses_a_changed_pattern():
    def leaky(point):
        return simulate_single(LeakyCurrent(2, 1), [0], point, 5)[0]

    with pytest.raises(ValueError, match="number or the order"):
        central_difference(leaky, [4], 0)
    with pytest.raises(ValueError, match="number or the order"):
        central_difference(lambda point: [(1, int(point[0] > 0)), (2, int(point[0] < 0))], [0], 0)


def test_squareplus():
    assert squareplus(mp.mpf(0)) == 1
    for y in (mp.mpf(10) ** 30, -(mp.mpf(10) ** 30)):
        assert abs(squareplus(y) * squareplus(-y) - 1) < 1e-48


def test_pseudospikes_are_those_of_the_neuron_with_constant_drive():
    state, x = (mp.mpf("-0.7"), mp.mpf("0.4")), mp.mpf("-0.3")
    alpha = mp.hypot(mp.mpf("0.25"), mp.mpf(4) / 9)  # duration 3, tau_m = 2
    I_p = mp.mpf("0.25") + alpha * squareplus((state[1] + x) / alpha)
    constant = QuadraticDelta(mp.mpf("0.5"), mp.mpf("-0.5"), I_p / 2)  # tau_m = 2
    expected, _ = simulate_single(constant, [], [], 60, state[:1])
    times = pseudospike_times(QuadraticCurrent(2, 1), state, x, 3, 3)
    assert max(abs(a - b - 3) for a, b in zip(times, expected, strict=False)) < 1e-44
    theta = theta_neuron(2, 0.3)
    lifted = theta_neuron(2, 4 * mp.hypot(theta.D, mp.mpf(1) / 9))
    expected, _ = simulate_single(lifted, [0], [x], 60, state[:1])
    times = pseudospike_times(theta, state[:1], x, 3, 3)
    assert max(abs(a - b - 3) for a, b in zip(times, expected, strict=False)) < 1e-44


def test_delta_neurons_get_a_lifted_constant():
    neuron = theta_neuron(1, -2)
    first, second = pseudospike_times(neuron, (-INFINITY,), 0, mp.mpf("0.5"), 2)
    assert abs(second - first - mp.pi / mp.sqrt(mp.sqrt(20))) < 1e-45
    assert abs(first - mp.mpf("0.5") - (second - first)) < 1e-45
    assert pseudo_rate(neuron, (-INFINITY,), 0, 1) == 0


CASES = {"current": (QuadraticCurrent(1, 0.5), 30), "delta": (theta_neuron(1, 0.6), 1)}


@pytest.mark.parametrize("case", CASES)
def test_a_layered_network_is_continuous_where_a_spike_leaves_the_trial(case):
    """Spike k of both neurons, ordinary or pseudo, hardly moves as the first neuron's last spike leaves through T."""
    neuron, weight = CASES[case]
    layers = [([neuron], [[weight]]), ([neuron], [[weight / 2]])]

    def run(point, count=4):
        spikes, states = simulate_layered(layers, [0.1], [0], point[0])
        pseudo = layered_pseudospikes(layers, states, point[0], count)
        ordinary = [[time for time, _ in layer] for layer in spikes]
        return [len(o) for o in ordinary], [o + p[0] for o, p in zip(ordinary, pseudo, strict=True)]

    last = simulate_layered(layers, [0.1], [0], 2)[0][0][-1][0]
    sides = [run([last + shift]) for shift in (mp.mpf("1e-20"), mp.mpf("-1e-20"))]
    assert sides[0][0][0] == sides[1][0][0] + 1  # the spike has left ...
    for one, other in zip(sides[0][1], sides[1][1], strict=True):
        assert max(abs(a - b) for a, b in zip(one, other, strict=False)) < 1e-17  # ... and nothing has jumped


@pytest.mark.parametrize("case", CASES)
def test_slopes_where_a_spike_leaves_the_trial(case):
    """Derivatives by the input weight just before and after the sender's last spike passes through T.

    Those of the sender's own times agree. Those of a receiver do not: its times have a kink there, because a spike that
    is in the trial shifts the receiver's phase by (F(V) - F(V + w)) / F_p(V + w) per unit of its time, with V' = F(V)
    in the trial and F_p(V) beyond it. The pseudo-input w r adds the same slope on both sides: the rate r starts from 0
    again when the spike enters the trial.
    """
    neuron, weight = CASES[case]
    recurrent, inputs = [[0, 0], [weight / 2, 0]], [[weight], [0]]

    def slopes(index, duration):
        def spikes_of(point):
            spikes, states = simulate_recurrent([neuron] * 2, recurrent, [point, [0]], [0.1], [0], duration)
            pseudo = recurrent_pseudospikes([neuron] * 2, recurrent, states, duration, 3)
            return [time for time, label in spikes if label == index] + pseudo[index]

        return central_difference(spikes_of, [weight], 0, "1e-18")

    spikes, _ = simulate_recurrent([neuron] * 2, recurrent, inputs, [0.1], [0], 2)
    last = max(time for time, index in spikes if index == 0)
    outside, inside = last - mp.mpf("1e-14"), last + mp.mpf("1e-14")
    sender = slopes(0, outside)
    assert max(abs(a - b) for a, b in zip(sender, slopes(0, inside), strict=False)) < 1e-11
    kink = slopes(1, inside)[-1] - slopes(1, outside)[-1]
    assert abs(kink) > 1e-3
    if case == "delta":
        _, (_, (V,)) = simulate_recurrent([neuron] * 2, recurrent, inputs, [0.1], [0], outside)
        before, after = (neuron.a * value**2 + neuron.c for value in (V, V + mp.mpf(weight) / 2))
        beyond = after + (mp.hypot(neuron.D, outside**-2) - neuron.D) / neuron.a
        expected = -sender[0] * (before - after) / beyond
        assert abs(kink - expected) < 1e-11


@pytest.mark.parametrize("case", CASES)
def test_recurrent_pseudospikes(case):
    """Without connections they are those of single neurons with x = 0; each connection adds weight times rate."""
    neuron, weight = CASES[case]
    neurons, inputs = [neuron, neuron], [[weight], [weight / 3]]
    _, states = simulate_recurrent(neurons, [[0, 0], [0, 0]], inputs, [0.1], [0], 0.4)
    alone = recurrent_pseudospikes(neurons, [[0, 0], [0, 0]], states, 0.4, 2)
    assert alone == [pseudospike_times(neuron, state, 0, 0.4, 2) for state in states]
    V, *current = states[0]
    rate = pseudo_rate(neuron, (V, mp.mpf(0))[: len(states[0])], 0, 0.4)
    coupled = recurrent_pseudospikes(neurons, [[0, 0], [3, 0]], states, 0.4, 2)
    assert coupled == [alone[0], pseudospike_times(neuron, states[1], 3 * rate, 0.4, 2)]
    assert len(current) == len(states[0]) - 1


def test_the_global_precision_of_mpmath_plays_no_part():
    (time, *_), _ = simulate_single(QuadraticCurrent(1, 0.5), [mpmath.mpf("0.25")], [30], 2)
    assert mpmath.mp.dps == 15
    assert abs(time - mp.mpf("0.25") + mp.log(1 - mp.pi / 2 / mp.sqrt(30))) < 1e-45
