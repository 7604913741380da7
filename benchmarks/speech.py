"""Inputs as large as spoken digits: how many events per second?

700 channels and 5000 input spikes a sample, as in the Spiking Heidelberg Digits, into 128 and then 20 quadratic
integrate-and-fire neurons; single precision. Spikes are drawn at random: channels differ in their rates, and the rate
of all rises and falls once in a sample. An event is an input spike of a sample; spikes of hidden neurons are not
counted.
"""

import jax
import jax.numpy as jnp
import numpy as np

import smoothspike as ss

from .comparison import Comparison
from .question import OURS, Options, Report

SIZES, DURATION = (700, 128, 20), 50.0
# mean and spread of the weights: hidden neurons spike a few times in a sample
WEIGHTS = ((0.004, 0.12), (0.02, 0.4))


def inputs(batch: int, events: int, seed: int = 0) -> ss.Spikes:
    """Draw spikes: more in the middle of a sample and in some channels."""
    generator = np.random.default_rng(seed)
    times = DURATION * generator.beta(2, 3, (batch, events))
    rates = generator.lognormal(0, 0.7, SIZES[0])
    sources = generator.choice(SIZES[0], (batch, events), p=rates / rates.sum())
    return ss.Spikes(np.sort(times.astype(np.float32), -1), sources)


def answer(options: Options) -> Report:
    """Measure."""
    batch, events = (4, 500) if options.quick else (32, 5000)
    spikes, generator = inputs(batch, events), np.random.default_rng(1)
    strength = np.sqrt(5000 / events)
    weights = [
        (strength * generator.normal(mean, spread, (after, before))).astype(np.float32)
        for (mean, spread), after, before in zip(WEIGHTS, SIZES[1:], SIZES[:-1], strict=True)
    ]
    neuron = ss.Neuron(ss.models.qif())
    # the capacity that the busiest sample and neuron need, as in a training
    room = ss.FeedForward(neuron, SIZES, DURATION, weights=weights).capacity_for(spikes)

    def simulate(weights, times):
        network = ss.FeedForward(neuron, SIZES, DURATION, weights=weights)
        return network(ss.Spikes(times, spikes.sources), capacity=room)

    def loss(weights, times):
        found = simulate(weights, times).first_spike_times()
        labels = jnp.arange(batch) % SIZES[-1]
        return jax.vmap(ss.losses.first_spike_cross_entropy)(found, labels).mean()

    counts = jax.jit(lambda *given: [layer.num_events for layer in simulate(*given).spikes])(weights, spikes.times)
    comparison = Comparison()
    comparison.measure({OURS: loss}, weights, spikes.times, repeats=options.repeats)
    figures, remarks = comparison.figures(), []
    for work, found in comparison.found.items():
        rate = batch * events / found[OURS].median
        figures[work]["sample_events_per_second"] = rate
        remarks.append(f"{work}: {rate:.3g} input events of samples per second.")
    hidden, last = (float(np.mean(count)) for count in counts)
    remarks.append(f"{hidden / SIZES[1]:.1f} spikes per hidden and {last / SIZES[2]:.1f} per output neuron and sample.")
    setting = (
        f"{'-'.join(map(str, SIZES))} QIF neurons, {events} input spikes in {DURATION:g} time constants, batch of "
        f"{batch}, capacity of {' and '.join(str(layer.total) for layer in room)} spikes of the layers and "
        f"{' and '.join(str(layer.per_neuron) for layer in room)} of one neuron."
    )
    return Report("Inputs as large as spoken digits", setting, "float32", comparison.table(), [], remarks, figures)
