"""How the field is lifted for pseudospikes: F_p = F - m + alpha squareplus((m - m_0) / alpha), with m the lowest F."""

from functools import lru_cache
from typing import Any

from reference import State, mp, number, squareplus

from .equations import Equations


@lru_cache(maxsize=64)
def synaptic_states(given: Equations) -> frozenset:
    """What inputs change and what such states drive, but neither the potential nor what depends on it."""
    rates = dict(zip(given.others, given.rates, strict=True))
    eligible = {state for state, rate in rates.items() if given.potential not in rate.free_symbols}
    found = {state for changes in given.jumps.values() for state in changes} & eligible
    while True:
        driven = {state for state in eligible - found if rates[state].free_symbols & found}
        if not driven:
            return frozenset(found)
        found |= driven


def without_drive(given: Equations, state: State) -> State:
    """The state with its synaptic states at rest."""
    synaptic = synaptic_states(given)
    others = zip(given.others, state[1:], strict=True)
    return state[0], *(mp.zero if symbol in synaptic else part for symbol, part in others)


def lifted(lowest: Any, at_rest: Any, curvature: Any, duration: Any) -> Any:
    """The positive minimum of the lifted field, from that of the frozen field, driven and with synapses at rest."""
    scale = mp.hypot(at_rest, 1 / (curvature * number(duration) ** 2))
    return scale * squareplus((lowest - at_rest) / scale)
