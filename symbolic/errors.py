"""The three ways in which a model can be refused, each with a message that says what to do instead."""


class ModelError(ValueError):
    """A declaration is wrong: the message names the state or parameter, what is wrong and what to write."""


class ContinuityError(ValueError):
    """A model's spikes do not provably change continuously, and the caller asked for a proof."""


class DerivationError(ValueError):
    """No exact solver can be derived for a model (or not by the method that was asked for)."""
