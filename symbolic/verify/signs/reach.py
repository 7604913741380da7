"""States that inputs can reach, which turn a mixed sign into the proof of a failure.

That an expression may be negative says nothing about trials unless a trial gets there. Inputs that add their weight to
a state put it anywhere in its range; a state that such a one drives, with a coefficient that never vanishes, is moved
at will by two large and opposite inputs one shortly after the other. Both are called free here. A state with one finite
bound (a conductance) can only be raised.
"""

from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from ...algebra import expanded
from ...declare import InputRoute, NeuronModel, weight
from .facts import Facts
from .influence import following
from .kinds import Expression, Kind, Undecided, affine_parts
from .lipschitz import settled

_ONE_WAY = (Kind.POSITIVE, Kind.NEGATIVE)
_FEW_BOXES = 40  # many questions are asked
_VALUES = tuple(map(sp.Integer, (0, 1, -1, 10, -10)))  # of states that inputs can choose


@dataclass(frozen=True)
class Reach:
    """The control that inputs have over the states other than the spiking variable.

    Attributes:
        free: States that inputs can put anywhere.
        raised: States that inputs can only raise, without limit.
    """

    model: NeuronModel
    facts: Facts
    free: frozenset[sp.Symbol]
    raised: frozenset[sp.Symbol]

    @property
    def field(self) -> Expression:
        """The rate of the spiking variable, with the branch that is valid in its range."""
        return settled(self.model.field, self.facts)

    def swallows(self, expression: Expression) -> bool:
        """Whether, wherever an expression is positive, an input can make it negative."""
        if expression.free_symbols & self.facts.ranges.keys() <= self.free:
            return self.facts.spread(expression).kind in (Kind.MIXED, Kind.NEGATIVE)
        return -1 in self._pushes(expression, self.facts)

    def can_spike(self) -> bool:
        """Whether some trial carries the spiking variable from its start up to the spike."""
        model, variable = self.model, self.model.variable
        facts = self.facts.over({variable: (model.initial[variable], self.facts.ranges[variable][1])})
        # an input may put it just below the spike; whether it goes on from there is the question itself
        return self._moves_variable() or 1 in self._pushes(self.field, facts) or self._is_sure(self.field, facts)

    def can_fall(self) -> bool:
        """Whether some trial makes the spiking variable as negative as one likes."""
        model, variable = self.model, self.model.variable
        falling = self.facts.over({variable: (-sp.oo, model.initial[variable])})
        return (
            self._moves_variable() or -1 in self._pushes(self.field, self.facts) or self._is_sure(-self.field, falling)
        )

    def _pushes(self, expression: Expression, facts: Facts) -> set[int]:
        """The directions in which inputs drive an expression without limit, in a time as short as one likes.

        An expression that an input does not change at once may change its rate, or the rate of that.
        """
        found: set[int] = set()
        for route in self.model.routes:
            signs = self._signs_of_weight(route)
            felt = expression
            for _ in range(len(self.model.states) if signs else 0):
                jumps: dict[Any, Any] = dict(route.jump)
                after = felt.subs(jumps, simultaneous=True)
                parts = affine_parts(after, [weight])
                if parts is None:
                    break
                if parts[0][weight] != 0:
                    kind = _kind(parts[0][weight], facts)
                    found |= {sign if kind is Kind.POSITIVE else -sign for sign in signs if kind in _ONE_WAY}
                    break
                others = self.model.other_states
                felt = expanded(sp.Add(*(sp.diff(felt, state) * self.model.dynamics[state] for state in others)))
        return found

    def _signs_of_weight(self, route: InputRoute) -> set[int]:
        """The signs that the weights of a route may have, however large, if they add to states."""
        signs = {1, -1}
        for state, jump in route.jump.items():
            parts = affine_parts(expanded(jump - state), [weight])
            if state == self.model.variable or parts is None:
                return set()
            kind = _kind(parts[0][weight], self.facts)
            if kind not in _ONE_WAY:
                return set()
            for end, side in zip(self.facts.ranges[state], (-1, 1), strict=True):
                if end.is_finite:
                    signs.discard(side if kind is Kind.POSITIVE else -side)
        return signs

    def can_run_away(self, state: sp.Symbol, direction: int) -> bool:
        """Whether a state gets as far out as one likes, up (direction 1) or down: by inputs, or by its equation."""
        if state in self.free or (state in self.raised and direction > 0):
            return True
        start = self.model.initial[state]
        facts = self.facts.over({state: (start, sp.oo) if direction > 0 else (-sp.oo, start)})
        return self._is_sure(direction * self.model.dynamics[state], facts)

    def _moves_variable(self) -> bool:
        variable = self.model.variable
        return any(_adds_weight(route.jump.get(variable), variable, self.facts) for route in self.model.routes)

    def _is_sure(self, expression: Expression, facts: Facts) -> bool:
        """Whether free states can be chosen so that an expression is positive whatever the others are."""
        chosen = sorted(expression.free_symbols & (self.free | self.raised), key=str)
        for value in _VALUES if chosen else _VALUES[:1]:
            point = {state: value for state in chosen if state in self.free or value >= 0}
            try:
                if facts.spread(expression.subs(point)).kind is Kind.POSITIVE:
                    return True
            except Undecided:
                continue
        return False


def reach_of(model: NeuronModel, facts: Facts) -> Reach:
    """Find the control that inputs have over the states."""
    facts = replace(facts, most_boxes=_FEW_BOXES)
    free, raised = set(), set()
    for state in model.other_states:
        low, high = facts.ranges[state]
        if high != sp.oo or not any(_adds_weight(r.jump.get(state), state, facts) for r in model.routes):
            continue
        if _has_own_route(model, state, facts):
            (free if low == -sp.oo else raised).add(state)
    while True:
        new = {s for s in model.other_states if s not in free and _is_driven(s, model, facts, free)}
        if not new:
            return Reach(model, facts, frozenset(free), frozenset(raised))
        free |= new


def _kind(expression: Expression, facts: Facts) -> Kind | None:
    try:
        return facts.spread(expression).kind
    except Undecided:
        return None


def _has_own_route(model: NeuronModel, state: sp.Symbol, facts: Facts) -> bool:
    """Whether some input moves the state and nothing else."""
    return any(set(route.jump) == {state} and _adds_weight(route.jump[state], state, facts) for route in model.routes)


def _adds_weight(jump: Any, state: sp.Symbol, facts: Facts) -> bool:
    """Whether a jump adds the weight times something that never vanishes."""
    if jump is None:
        return False
    parts = affine_parts(expanded(jump - state), [weight])
    if parts is None or state in parts[0][weight].free_symbols or parts[1] != 0:
        return False
    return _kind(parts[0][weight], facts) in _ONE_WAY


def _is_driven(state: sp.Symbol, model: NeuronModel, facts: Facts, free: set[sp.Symbol]) -> bool:
    if facts.ranges[state] != (-sp.oo, sp.oo):
        return False
    for source in sorted(model.dynamics[state].free_symbols & free, key=str):
        parts = affine_parts(model.dynamics[state], [source])
        if parts is not None and _kind(parts[0][source], facts) in _ONE_WAY:
            return True
    return False


def grazes(reach: Reach, speed: Expression) -> bool:
    """Whether some trial carries the spiking variable up to its threshold and no further, by its own dynamics.

    A neuron that rests below its threshold, and that a large enough input of one state makes spike: for the least
    such input the largest value of V is the threshold itself. It is not assumed at the trial's end where the speed at
    the threshold is negative once the input has decayed.
    """
    model, facts = reach.model, reach.facts
    states = sorted(speed.free_symbols & facts.ranges.keys(), key=str)
    moving = _upstream(model, set(states))
    if moving & following(model, model.variable) or model.variable in moving:
        return False
    try:
        return _is_excitable(reach, speed, moving)
    except Undecided:
        return False


def _is_excitable(reach: Reach, speed: Expression, moving: set[Any]) -> bool:
    model, facts = reach.model, reach.facts
    at_rest = {state: model.initial[state] for state in moving}
    if any(facts.sign(model.dynamics[state].subs(at_rest, simultaneous=True)) != 0 for state in moving):
        return False
    if facts.sign(speed.subs(at_rest, simultaneous=True)) >= 0 or not all(_decays(s, model, facts) for s in moving):
        return False
    return reach.can_spike()


def _upstream(model: NeuronModel, start: set[Any]) -> set[Any]:
    found: set[Any] = set()
    new = start & set(model.states)
    while new - found:
        found |= new
        new = set().union(*(model.dynamics[state].free_symbols for state in found)) & set(model.states)
    return found


def _decays(state: sp.Symbol, model: NeuronModel, facts: Facts) -> bool:
    """Whether a state returns to rest once those that drive it have: an affine equation with a negative rate."""
    parts = affine_parts(model.dynamics[state], [state])
    if parts is None or parts[0][state].free_symbols & facts.ranges.keys():
        return False
    others = parts[1].free_symbols & facts.ranges.keys()
    is_chain = not any(model.dynamics[other].has(state) for other in others)
    return is_chain and facts.sign(parts[0][state]) < 0
