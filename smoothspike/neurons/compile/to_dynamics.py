"""From a derivation to the dynamics that runs it, at given values of the parameters: one function per normal form."""

from collections.abc import Mapping
from functools import singledispatch
from typing import Any

import jax.numpy as jnp
import sympy as sp
from jax.core import Tracer
from jaxtyping import Array, Float

from symbolic import Derivation, DerivationError
from symbolic.derive import AffineForm, LinearForm, NumericForm, ProjectiveForm, SolutionForm, TransferForm

from ...numerics.adaptive_rk import edge, farthest
from .. import (
    AbstractDynamics,
    AffineDynamics,
    GeneralDynamics,
    LinearDynamics,
    RayChart,
    RiccatiDynamics,
    RiccatiSeriesDynamics,
)  # fmt: skip
from .to_jax import Update, lower
from .vector_field import DeclaredField, DeclaredFormulas

Values = Mapping[sp.Symbol, Float[Array, "..."]]


def build(derivation: Derivation, values: Values) -> AbstractDynamics:
    """Build the dynamics of a derived model."""
    return _of_form(derivation.form, derivation, values)


@singledispatch
def _of_form(form: Any, derivation: Derivation, values: Values) -> AbstractDynamics:
    raise TypeError(f"no dynamics for {type(form).__name__}")


@_of_form.register
def _projective(form: ProjectiveForm, derivation: Derivation, values: Values) -> AbstractDynamics:
    return RiccatiDynamics(
        chart=_chart(form, derivation, values),
        decay=None if form.decay == 0 else lower(form.decay, values),
        drive=lower(form.drive, values),
        current_gains=_row(form.current_gains, values),
        jumps=_rows(form.routes, values),
        potential=form.potential.name,
        order=form.order,
    )


@_of_form.register
def _linear(form: LinearForm, derivation: Derivation, values: Values) -> AbstractDynamics:
    return LinearDynamics(
        leak=lower(form.leak, values),
        rest=lower(form.rest, values),
        current_decay=lower(form.current_decay, values),
        threshold=lower(form.threshold, values),
        reset_value=lower(form.reset, values),
        current_gains=_row(form.current_gains, values),
        jumps=_rows(form.routes, values),
        variable=derivation.model.variable.name,
    )


@_of_form.register
def _transfer(form: TransferForm, derivation: Derivation, values: Values) -> AbstractDynamics:
    return RiccatiSeriesDynamics(
        chart=_chart(form, derivation, values),
        drive=lower(form.drive, values),
        drive_gains=_row(form.drive_gains, values),
        conductance_gains=_row(form.conductance_gains, values),
        couplings=_rows(form.others.couplings, values),
        sources=_row(form.others.sources, values),
        resting=_row(form.others.resting, values),
        jumps=_rows(form.routes, values),
        update=Update.of({state: value for state, value in form.reset.items() if value is not None}, values),
        potential=form.potential.name,
    )


@_of_form.register
def _affine(form: AffineForm, derivation: Derivation, values: Values) -> AbstractDynamics:
    return AffineDynamics(
        couplings=_rows(form.couplings, values),
        sources=_row(form.sources, values),
        resting=_row(form.resting, values),
        threshold=lower(form.threshold, values),
        jumps=_rows(form.routes, values),
        update=Update.of(form.reset, values),
        order=tuple(state.name for state in form.states),
    )


@_of_form.register
def _numeric(form: NumericForm, derivation: Derivation, values: Values) -> AbstractDynamics:
    return _as_declared(derivation, form, None, values)


@_of_form.register
def _given(form: SolutionForm, derivation: Derivation, values: Values) -> AbstractDynamics:
    return _as_declared(derivation, form, (form.flow, form.time_to_spike), values)


def _as_declared(
    derivation: Derivation, form: NumericForm | SolutionForm, solution: tuple[Any, sp.Expr] | None, values: Values
) -> GeneralDynamics:
    """Use the solution that a model carries, flow and time to spike, else integrate the declared equations."""
    field = DeclaredField(derivation.model, form.may_graze, form.is_circle)
    named = field.named(values)
    parameters, at = tuple(named.values()), tuple(jnp.asarray(0.0) for _ in field.others)
    if field.is_at_infinity:
        top, reaches = edge(field, 1, at, parameters)
        bottom, returns = edge(field, -1, at, parameters)
        bottom = jnp.where(returns, bottom, -farthest(top.dtype))
        _require(derivation, reaches, "the potential does not get close enough to its spike at infinity")
        if field.goes_through:
            _require(derivation, returns, "the potential does not come back from minus infinity")
    else:
        top = jnp.arcsinh(field.threshold(parameters))
        bottom = jnp.full_like(top, -farthest(top.dtype))
    formulas = None if solution is None else DeclaredFormulas(field, *solution)
    resting, update, jumps = _row(form.resting, values), field.update(values), field.jumps(values)
    return GeneralDynamics(field, formulas, named, resting, top, bottom, update, jumps)


def _require(derivation: Derivation, condition: Array, complaint: str) -> None:
    if not isinstance(condition, Tracer) and not bool(condition.all()):
        raise DerivationError(
            f"{derivation.model.name}: {complaint} among the numbers that floating point has; its field has to outgrow "
            f"the potential by a power at least: d{derivation.model.variable}/dt = {derivation.model.field}"
        )


def _chart(form: ProjectiveForm | TransferForm, derivation: Derivation, values: Values) -> RayChart:
    return RayChart(
        gain=lower(form.gain, values),
        offset=lower(form.offset, values),
        circle=None if form.circle is None else (lower(form.circle[0], values), lower(form.circle[1], values)),
        variable=derivation.model.variable.name,
    )


def _row(expressions: Mapping[Any, sp.Expr], values: Values) -> dict[str, Float[Array, "..."]]:
    return {str(state): lower(expression, values) for state, expression in expressions.items()}


def _rows(expressions: Mapping[Any, Mapping[Any, sp.Expr]], values: Values) -> dict[str, dict[str, Any]]:
    return {str(name): _row(row, values) for name, row in expressions.items()}
