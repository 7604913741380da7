"""Checks of thresholds that move with states."""

from ..errors import ModelError
from .declaration import Declaration


def has_moving_threshold(model: Declaration) -> bool:
    """Tell whether the threshold depends on states."""
    return not model.is_readout and bool(model.spike.threshold.free_symbols & set(model.states))


def require_moving_threshold(model: Declaration) -> None:
    """Check a threshold that depends on states."""
    if not has_moving_threshold(model):
        return
    variable, threshold = model.variable, model.spike.threshold
    if variable in threshold.free_symbols:
        raise ModelError(f"the spike threshold {threshold} depends on {variable} itself; solve {variable} for it")
    unsupported = {"a refractory time": model.refractory is not None, "a solution": model.solution is not None,
                   f"bounds of {variable}": variable in model.bounds}  # fmt: skip
    for what, is_there in unsupported.items():
        if is_there:
            raise ModelError(
                f"{model.name}: the threshold {threshold} moves, which cannot be combined with {what} yet; leave it "
                "out, or give the threshold a constant value"
            )
