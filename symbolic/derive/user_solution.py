"""A user's own solution: checked like a derived one, then used."""

from typing import Any

from ..declare import NeuronModel
from ..errors import DerivationError
from ..structure import Structure, StructureClass
from .derivation import Derivation
from .forms import SolutionForm, resting_states
from .general import derive_numeric
from .substitution import check_course, check_flow, check_spike

_METHODS = {
    StructureClass.RICCATI: "projective",
    StructureClass.LINEAR: "linear",
    StructureClass.AUTONOMOUS_SCALAR: "phase",
    StructureClass.GENERAL: "numeric",
}


def method_of(structure: Structure) -> str:
    """The method whose place a given solution takes."""
    return _METHODS[structure.kind]


def derive_given(model: NeuronModel, structure: Structure) -> Derivation:
    """Check the solution that a model carries."""
    solution = model.solution
    if solution is None:
        raise DerivationError(f"{model.name}: no solution was given")
    flow: dict[Any, Any] = dict(solution.flow)
    check_flow(model, flow, None)
    at_infinity = model.spike.is_at_infinity
    potential = flow[model.variable]
    # at infinity it is the field that surely grows fast, the potential may grow like a logarithm
    spiking = 1 / model.field.subs(flow, simultaneous=True) if at_infinity else potential - model.spike.threshold
    check_spike(model, spiking, solution.time_to_spike, None)
    check_course(model, potential, solution.time_to_spike)
    integrated = derive_numeric(model, structure)
    return Derivation(
        model=model,
        method=method_of(structure),
        closed_form=True,
        reason="the model carries its own solution, which solves the declared equations",
        flow=solution.flow,
        time_to_spike=solution.time_to_spike,
        rheobase=integrated.rheobase,
        form=SolutionForm(
            resting=resting_states(model), may_graze=not at_infinity, is_circle=structure.is_circle,
            flow=solution.flow, time_to_spike=solution.time_to_spike,
        ),
    )  # fmt: skip
