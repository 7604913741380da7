"""Does anything hang or break? Random valid declarations, each under a watchdog.

    python benchmarks/random_declarations.py [--count 1000] [--seed 0] [--seconds 20] [--stages derive verify neuron]

Growth rules are sums, products, quotients and compositions of powers, exponentials and the other functions that a
declaration may use, with numbers of 3 to 17 digits; models have one to three states and every kind of spike, reset
and input. Each is derived, verified and built in a process that is killed if a stage exceeds a time limit. Hangs,
exceptions other than the package's own, and the slowest models are printed; the exit status is 1 if there are hangs
or exceptions.
"""

import argparse
import json
import os
import random
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sympy as sp

import symbolic
from symbolic import ModelError, NeuronModel, at_infinity, crosses, jump, weight

STAGES = ("derive", "verify", "neuron")
V, I, w = sp.symbols("V I w", real=True)
LETTERS = "abcdk"
PATIENCE = 180.0  # for imports


@dataclass
class Source:
    """Random parts of a declaration; parameters are noted as they are drawn."""

    random: random.Random
    parameters: dict[Any, Any] = field(default_factory=dict)

    def number(self, low: float = 0.05, high: float = 6.0) -> Any:
        value = self.random.uniform(low, high)
        kind = self.random.random()
        if kind < 0.25:
            return sp.Integer(max(1, round(value)))
        if kind < 0.35:
            return sp.Rational(self.random.randint(1, 9), self.random.randint(2, 9))
        return sp.Float(f"{value:.{self.random.randint(3, 17)}g}")

    def signed(self) -> Any:
        return self.number() * self.random.choice((1, 1, -1))

    def constant(self) -> Any:
        """A number, or a parameter with a value, with one per neuron, or open."""
        if self.random.random() < 0.6 or len(self.parameters) == len(LETTERS):
            return self.signed()
        name = LETTERS[len(self.parameters)]
        symbol = sp.Symbol(name, positive=True) if self.random.random() < 0.6 else sp.Symbol(name, real=True)
        sign = 1 if symbol.is_positive else self.random.choice((1, -1))
        kind = self.random.random()
        value = sign * self.number() if kind < 0.85 else None
        if kind > 0.95:
            value = [sign * float(self.number()), sign * float(self.number())]
        self.parameters[symbol] = value
        return symbol

    def bounded(self, x: Any) -> Any:
        functions = (sp.sin, sp.cos, sp.tanh, sp.atan, lambda y: 1 / (1 + y**2), lambda y: sp.exp(-(y**2)))
        return self.random.choice(functions)(x)

    def growth(self, x: Any) -> Any:
        functions: tuple[Callable[[Any], Any], ...] = (
            lambda y: y, lambda y: y, lambda y: y**2, lambda y: y**2, lambda y: y ** self.random.randint(3, 9), sp.exp,
            lambda y: sp.exp(self.signed() * y), sp.cosh, sp.sinh, lambda y: sp.log(y**2 + self.number()),
            lambda y: sp.sqrt(y**2 + self.number()), sp.Abs, lambda y: sp.Max(y, self.signed()),
            lambda y: sp.Piecewise((y**2, y > self.signed()), (self.number() * y**2, True)), lambda y: y * sp.Abs(y),
            lambda y: sp.exp(-y), lambda y: (y**2 + self.number()) ** self.number(0.5, 4), lambda y: self.number() ** y,
        )  # fmt: skip
        return self.random.choice(functions)(x)

    def term(self, x: Any) -> Any:
        """A product or quotient of growth rules, some of them of others."""
        inner = self.constant() * x + self.constant() if self.random.random() < 0.3 else x
        if self.random.random() < 0.2:
            inner = self.bounded(inner) if self.random.random() < 0.5 else self.growth(inner)
        result = self.constant() * self.growth(inner)
        if self.random.random() < 0.3:
            result *= self.random.choice((self.growth, self.bounded))(x)
        if self.random.random() < 0.2:
            result /= self.random.choice((2 + self.bounded(x), x**2 + self.number(), sp.cosh(x), 1 + sp.exp(x)))
        return result

    def rate(self, x: Any) -> Any:
        return sp.Add(*(self.term(x) for _ in range(self.random.choice((1, 1, 2, 2, 3))))) + self.random.choice(
            (0, self.constant())
        )


def draw(seed: int) -> NeuronModel:
    """The random valid model of a seed."""
    for attempt in range(100):
        source = Source(random.Random(1000 * seed + attempt))
        try:
            return _drawn(source, f"random {seed}")
        except (ModelError, ZeroDivisionError, OverflowError):
            continue
    raise ValueError(f"seed {seed} gives no valid model")


def _drawn(source: Source, name: str) -> NeuronModel:
    choice = source.random
    count = choice.choice((1, 1, 2, 2, 3))
    on_circle = choice.random() < 0.12
    others = (I, w)[: count - 1]
    field = _circle_rate(source) if on_circle else source.rate(V)
    dynamics = {V: field}
    for index, state in enumerate(others):
        others_of = (state, source.constant() * state, state, state * choice.choice((V, state, sp.exp(-V))))
        dynamics[V] += choice.choice(others_of)
        dynamics[state] = _other_rate(source, state, others[:index])
    if on_circle:
        spike, reset = crosses(V, sp.pi), -sp.pi
    else:
        spike = at_infinity(V) if choice.random() < 0.65 else crosses(V, source.number(0.5, 3))
        reset = -source.number() if choice.random() < 0.9 else 0
        reset = -sp.oo if spike.is_at_infinity and choice.random() < 0.6 else reset
    resets = {V: reset} | {state: choice.choice((state + source.constant(), state * source.number(), 0))
                           for state in others if choice.random() < 0.25}  # fmt: skip
    return NeuronModel(
        name, dynamics=dynamics, spike=spike, reset=resets, inputs=_inputs(source, others, on_circle),
        parameters=source.parameters,
    )  # fmt: skip


def _circle_rate(source: Source) -> Any:
    angle = source.random.choice((1, 1, 2)) * V
    rate = 1 - sp.cos(angle) + source.constant() * (1 + sp.cos(angle))
    return rate + source.random.choice((0, source.constant() * sp.sin(V), sp.sin(V) ** 2, sp.exp(sp.cos(V))))


def _other_rate(source: Source, state: Any, before: Any) -> Any:
    choice = source.random
    kinds = [-state, -state / source.number(), -source.constant() * state, -state * source.number()]
    kinds += [source.number() * V - state, -(state**3), -state + source.constant(), -sp.tanh(state) + sp.sin(V)]
    kinds += [-state + other for other in before]
    return choice.choice(kinds)


def _inputs(source: Source, others: Any, on_circle: bool) -> Any:
    choice = source.random
    if on_circle and choice.random() < 0.7:
        return jump({V: 2 * sp.atan(sp.tan(V / 2) + weight)})
    targets = [V, *others, *others]
    if choice.random() < 0.2:
        return {"first": choice.choice(targets), "second": choice.choice(targets)}
    if choice.random() < 0.2:
        state = choice.choice(targets)
        change = choice.choice((state + weight * state, state + sp.tanh(weight), state + weight * source.number()))
        return jump({state: change})
    return choice.choice(targets)


# --- one process works, another watches ------------------------------------------------------------------------------


def work(stages: list[str]) -> None:
    """Read seeds, and say after every stage how it went."""
    built = None
    if "neuron" in stages:
        import smoothspike as built  # imports JAX, which the other stages do not need
    own = (ModelError, symbolic.DerivationError, symbolic.ContinuityError)
    print("ready", flush=True)
    for line in sys.stdin:
        model = draw(int(line))
        actions: dict[str, Callable[[], Any]] = {
            "derive": lambda model=model: str(symbolic.derive(model)),
            "verify": lambda model=model: str(symbolic.verify(model)),
            "neuron": lambda model=model: built and built.Neuron(model, allow_discontinuous=True).dynamics(),
        }
        for stage in stages:
            try:
                actions[stage]()
                said = "done"
            except own as refusal:
                said = f"refused {type(refusal).__name__}"
            except Exception as error:
                said = f"BROKE {type(error).__name__}: {str(error)[:200]}"
            print(json.dumps([stage, said]), flush=True)


class Watched:
    """A working process and what it says, line by line, within a time."""

    def __init__(self, stages: list[str]) -> None:
        command = [sys.executable, __file__, "--work", *stages]
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self._pending = b""
        if self.line(PATIENCE) is None:
            raise RuntimeError("the working process does not start")

    def send(self, seed: int) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seed}\n".encode())
        self._process.stdin.flush()

    def line(self, seconds: float) -> str | None:
        """The next line, None if it does not come in time."""
        assert self._process.stdout is not None
        end = time.monotonic() + seconds
        while b"\n" not in self._pending:
            ready, _, _ = select.select([self._process.stdout], [], [], max(end - time.monotonic(), 0))
            if not ready:
                return None
            read = os.read(self._process.stdout.fileno(), 65536)
            if not read:
                return '["process", "BROKE it ended"]'
            self._pending += read
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


def watch(seeds: range, stages: list[str], seconds: float) -> Iterator[tuple[int, str, str, float]]:
    """Seed, stage, what came of it, and the seconds it took."""
    process = Watched(stages)
    try:
        for seed in seeds:
            process.send(seed)
            for stage in stages:
                began = time.monotonic()
                line = process.line(seconds)
                took = time.monotonic() - began
                if line is None or "it ended" in line:
                    yield seed, stage, "HANGS" if line is None else "BROKE the process", took
                    process.stop()
                    process = Watched(stages)
                    break
                _, said = json.loads(line)
                yield seed, stage, said, took
    finally:
        process.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--work", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work)
        return 0
    results = []
    for result in watch(range(options.seed, options.seed + options.count), options.stages, options.seconds):
        results.append(result)
        if result[2].startswith(("HANGS", "BROKE")):
            print(*result[:3], f"after {result[3]:.1f} s\n{draw(result[0])!r}", flush=True)
    for stage in options.stages:
        here = [result for result in results if result[1] == stage]
        bad = sum(result[2].startswith(("HANGS", "BROKE")) for result in here)
        seed, _, _, slowest = max(here, key=lambda result: result[3])
        refused = sum(result[2].startswith("refused") for result in here)
        print(
            f"{stage}: {len(here)} models, {bad} hang or break, {refused} refused; slowest {slowest:.1f} s, seed {seed}"
        )
    return int(any(result[2].startswith(("HANGS", "BROKE")) for result in results))


if __name__ == "__main__":
    sys.exit(main())
