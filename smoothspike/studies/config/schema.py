"""The schema of a configuration: what is checked when one is read, and what docs/lookup/config.md says."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Literal

from . import functions
from .kinds import Argument


def option(default: Any = dataclasses.MISSING, doc: str = "", **limits: Any) -> Any:
    """Return the field of an option: its default, what it is, and limits (`least`, `above`, `below`, `most`)."""
    given: Any = {"default_factory": dict} if default == {} else {"default": default}
    return dataclasses.field(**given, metadata={"doc": doc, **limits})


def table(kind: type, doc: str, default: Any = None) -> Any:
    """Return the field of a table."""
    return dataclasses.field(default=default, metadata={"doc": doc, "table": kind})


def tables(kind: type, doc: str, named: bool) -> Any:
    """Return the field of several tables: by name, or one after the other."""
    metadata = {"doc": doc, "table": kind, "several": "named" if named else "listed"}
    return dataclasses.field(default_factory=dict if named else tuple, metadata=metadata)


def options(of: Callable[[str], Mapping[str, Argument] | None]) -> Any:
    """Return the field that takes all other keys: the arguments of the function that `name` names."""
    return dataclasses.field(default_factory=dict, metadata={"doc": "", "options": of})


@dataclasses.dataclass(frozen=True)
class Fallback:
    """Data for `--quick` where the files of `[data]` are missing."""

    name: str = option("randman", "data that need no files", names=functions.DATA_WITHOUT_FILES)
    options: Mapping[str, Any] = options(functions.data_arguments)


@dataclasses.dataclass(frozen=True)
class Data:
    """Samples to learn, to validate and to test with."""

    name: str = option(
        "digits", "the data, or `file.py:function`, which returns training, validation and test data",
        names=functions.DATA,
    )  # fmt: skip
    seed: int | None = option(
        None, "of what is drawn or divided at random in the data; by default the one above all", least=0
    )
    limit: int | None = option(None, "at most so many samples of each of the three", least=1)
    validation_fraction: float = option(
        0.1, "of the training data, for validation, where the data have no such part", least=0.0, below=1.0
    )
    fallback: Fallback | None = table(Fallback, Fallback.__doc__ or "")
    options: Mapping[str, Any] = options(functions.data_arguments)


@dataclasses.dataclass(frozen=True)
class Neuron:
    """A neuron model and its values: of the library, from a file, or declared here."""

    model: str | None = option(
        None, "a model of the library (`smoothspike models`), or `file.py:object`", names=functions.MODELS
    )
    equations: str | None = option(None, "or equations, such as `dV/dt = (I - V)/tau_m; dI/dt = -I/tau_s`")
    spike: str | None = option(None, "with equations: `V = oo`, or `V = 1`; without it the model is a readout")
    reset: str | None = option(None, "with equations: `V = -oo`")
    inputs: str | dict[str, str] | None = option(None, "with equations: the state that inputs increase")
    initial: dict[str, float | str] = option({}, "with equations: values of states at the start, 0 by default")
    bounds: dict[str, tuple[float | str, ...]] = option({}, 'with equations: ranges of states, such as `g = [0, "oo"]`')
    refractory: float | str | None = option(None, "with equations: the absolute refractory time")
    parameters: dict[str, float | str | tuple[float, ...]] = option({}, "values of parameters, by name")
    trainable: tuple[str, ...] = option((), "parameters, and states whose initial value, that are trained")
    per_neuron: tuple[str, ...] = option((), "those of which each neuron has a value of its own")
    allow_discontinuous: bool = option(False, "whether spikes may (dis)appear within a trial")
    method: str | None = option(None, "a method to insist on", names=functions.METHODS)
    beyond: Literal["lifted", "own"] = option("lifted", "what the neuron does beyond the trial")


@dataclasses.dataclass(frozen=True)
class Delays:
    """Delays of connections, drawn uniformly; they are trained unless `[optimizer.rates]` has `"*delays*" = 0`."""

    low: float = option(0.0, "the least", least=0.0)
    high: float = option(1.0, "the largest", least=0.0)
    per: Literal["connection", "source", "layer"] = option("connection", "what has a delay of its own")


@dataclasses.dataclass(frozen=True)
class Layer:
    """A layer; the last one's neurons are the classes."""

    neuron: str | None = option(None, "a name in `[neurons]`; not needed if there is one only")
    size: int | None = option(None, "how many neurons; of the last layer by default the number of classes", least=1)
    recurrent: bool = option(False, "whether they are connected to one another")
    scale: float = option(0.5, "spread of the weights, in units of what one spike-triggering input needs", least=0.0)
    mean: float = option(0.0, "mean of the weights, in the same units")
    out_degree: int | None = option(None, "sparse: how many random neurons each source reaches", least=1)
    delays: Delays | None = table(Delays, "delays of what comes from the layer before")
    recurrent_delays: Delays | None = table(Delays, "delays between the neurons of a recurrent layer")


@dataclasses.dataclass(frozen=True)
class Initialise:
    """Scale the weights by the data, so that each layer spikes at a rate (`ss.initialise`)."""

    rate: float | tuple[float, ...] = option(0.5, "spikes per neuron and trial, for all spiking layers or each")
    samples: int = option(128, "how many trials to look at", least=1)


@dataclasses.dataclass(frozen=True)
class Network:
    """Layers of neurons."""

    duration: float = option(4.0, "the trial end, in the units of the neurons", above=0.0)
    layers: tuple[Layer, ...] = tables(Layer, "one `[[network.layers]]` for each layer", named=False)
    initialise: Initialise | None = table(Initialise, Initialise.__doc__ or "")


@dataclasses.dataclass(frozen=True)
class Rate:
    """Penalise neurons that spike too rarely or too often (`losses.rate_regulariser`)."""

    weight: float = option(1.0, "factor of the penalty", least=0.0)
    low: float | None = option(None, "fewer spikes in a trial are penalised", least=0.0)
    high: float | None = option(None, "more spikes in a trial are penalised", least=0.0)
    layer: int | None = option(None, "the layer, from 0; by default all spiking ones")


@dataclasses.dataclass(frozen=True)
class Silence:
    """Penalise neurons that are silent in a trial (`losses.silence_regulariser`)."""

    weight: float = option(1.0, "factor of the penalty", least=0.0)
    margin: float = option(0.0, "how long before the trial end the first spike should come", least=0.0)
    layer: int | None = option(None, "the layer, from 0; by default all spiking ones")


@dataclasses.dataclass(frozen=True)
class Loss:
    """What is minimised: a loss of a trial, and penalties."""

    name: str = option(
        "first_spike_cross_entropy", "a loss of `smoothspike.losses`, or `file.py:function` of readout and label",
        names=functions.LOSSES,
    )  # fmt: skip
    readout: str | None = option(
        None, "what the loss is of; by default first spike times, or of a readout the maximum over time",
        names=functions.READOUTS,
    )  # fmt: skip
    readout_tau: float | None = option(None, "time constant of `exponentially_weighted`", above=0.0)
    spikes: int = option(1, "of `spike_times`: how many of each neuron", least=1)
    late_margin: float | None = option(
        None, "bring pseudospikes closer to the trial end than this (`losses.bounded_times`)", above=0.0
    )
    targets: tuple[Any, ...] | None = option(
        None, "of losses of spike trains: for each class a list of times for each output neuron"
    )
    rate: Rate | None = table(Rate, Rate.__doc__ or "")
    silence: Silence | None = table(Silence, Silence.__doc__ or "")
    options: Mapping[str, Any] = options(functions.loss_arguments)


@dataclasses.dataclass(frozen=True)
class Schedule:
    """How the learning rate changes; it starts, or has its peak, at `learning_rate`."""

    name: str = option("cosine_decay_schedule", "a schedule of optax", names=functions.SCHEDULES)
    options: Mapping[str, Any] = options(functions.schedule_arguments)


@dataclasses.dataclass(frozen=True)
class Optimizer:
    """How weights change."""

    name: str = option("adabelief", "an optimiser of optax", names=functions.OPTIMIZERS)
    learning_rate: float = option(4e-3, "the learning rate", above=0.0)
    schedule: Schedule | None = table(Schedule, Schedule.__doc__ or "")
    clip: float | None = option(None, "clip each entry of the gradient", above=0.0)
    clip_global_norm: float | None = option(None, "clip the norm of the gradient", above=0.0)
    rates: dict[str, float] = option(
        {}, 'factors of the rate by names as in `ss.named_parameters`, such as `"delays.*" = 0.1`; 0 freezes'
    )
    options: Mapping[str, Any] = options(functions.optimizer_arguments)


@dataclasses.dataclass(frozen=True)
class Training:
    """Epochs, batches, noise, and when to stop."""

    epochs: int = option(10, "passes through the training data", least=1)
    batch_size: int = option(64, "samples in a step", least=1)
    seeds: int = option(1, "how many networks, from different seeds; metrics are their mean and deviation", least=1)
    keep_best: bool | str = option(True, "keep the best epoch on the validation data, by a metric if one is named")
    early_stopping: int | None = option(None, "stop after so many epochs without a better one", least=1)
    metric: str | None = option(None, "the metric of early stopping; by default accuracy by ordinary spikes first")
    jitter: float = option(0.0, "noise on input times in training, its standard deviation", least=0.0)
    dropout: float = option(0.0, "the probability that an input spike is dropped in training", least=0.0, below=1.0)
    shift_channels: int = option(0, "shift the channels of each training trial by up to so many", least=0)
    chunk: int | None = option(None, "samples of a batch at a time, to save memory", least=1)
    memory: str | None = option(None, 'or a budget that chooses it, such as "2 GiB"')


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What is done with a trained network."""

    batch_size: int = option(256, "samples at a time", least=1)
    figures: bool = option(True, "whether to draw the learning curve and a trial")
    trial: int = option(0, "the test sample that is drawn", least=0)


@dataclasses.dataclass(frozen=True)
class Span:
    """A range or choices for one key, which is named by its place, such as `"optimizer.learning_rate"`."""

    low: int | float | None = option(None, "the lower end; of whole numbers if both ends are")
    high: int | float | None = option(None, "the upper end")
    log: bool = option(False, "whether the range is logarithmic")
    step: int | float | None = option(None, "distance of the values")
    choices: tuple[Any, ...] | None = option(None, "or a list of values to choose from")


@dataclasses.dataclass(frozen=True)
class Search:
    """A search for hyperparameters (`ss.search`); trials train as the rest of the file says."""

    trials: int = option(20, "how many trials that do not fail, in each group", least=1)
    metric: str = option(
        "accuracy_without_pseudospikes", "what counts, on the validation data: the least of a loss, else the largest"
    )
    seeds: int = option(1, "trainings of each setting, of which the mean counts", least=1)
    sampler: str = option("tpe", "how settings are drawn", names=functions.SAMPLERS)
    pruner: str = option("median", "how hopeless trials are given up", names=functions.PRUNERS)
    storage: str | None = option(None, "a file, or the URL of a database; by default `study.log` in the run folder")
    space: dict[str, Any] = tables(Span, "ranges and choices by key", named=True)
    groups: dict[str, dict[str, Any]] = option(
        {}, "for each group, such as a model, values by key; all get as many trials"
    )


@dataclasses.dataclass(frozen=True)
class Surrogate:
    """Train the same network stepped in time, with surrogate gradients (`ss.baselines.surrogate`)."""

    dt: float = option(0.01, "the step, which divides the trial", above=0.0)
    surrogate: str = option("superspike", "the derivative of a spike", names=functions.SURROGATES)
    scale: float | None = option(None, "its scale; by default that of its source", above=0.0)
    detach_reset: bool = option(True, "whether the reset counts as independent of the spike in gradients")
    interpolate: bool = option(False, "whether spike times are interpolated within the step")
    checkpoint: bool = option(False, "whether to save memory, by computing steps anew for the gradient")


@dataclasses.dataclass(frozen=True)
class Landscape:
    """Loss and gradient along random directions through the network, with all jumps (`ss.landscape`)."""

    network: str = option("trained", "the network `trained` as the file says, at its `start`, or a file `net.ss`")
    directions: int | tuple[str, ...] = option(
        1, "how many random ones, 1 or 2; or for each `random`, `gradient`, or a parameter of `ss.named_parameters`"
    )
    span: float = option(1.0, "how far to go to both sides", above=0.0)
    points: int | None = option(None, "along each direction; by default 101 on a line and 31 on a plane", least=2)
    samples: int | None = option(None, "how many training samples; by default all", least=1)
    chunk: int = option(256, "samples to simulate at a time", least=1)


@dataclasses.dataclass(frozen=True)
class Config:
    """An experiment."""

    seed: int = option(0, "the seed of everything random", least=0)
    precision: Literal["double", "single"] = option("double", "of all floating-point numbers")
    data: Data = table(Data, Data.__doc__ or "", Data())
    neurons: dict[str, Neuron] = tables(Neuron, "the neurons, by names of your own", named=True)
    network: Network = table(Network, Network.__doc__ or "", Network())
    loss: Loss = table(Loss, Loss.__doc__ or "", Loss())
    optimizer: Optimizer = table(Optimizer, Optimizer.__doc__ or "", Optimizer())
    training: Training = table(Training, Training.__doc__ or "", Training())
    evaluation: Evaluation = table(Evaluation, Evaluation.__doc__ or "", Evaluation())
    search: Search | None = table(Search, Search.__doc__ or "")
    surrogate: Surrogate | None = table(Surrogate, Surrogate.__doc__ or "")
    landscape: Landscape | None = table(Landscape, Landscape.__doc__ or "")
