"""Names of types that are short in signatures: without them, editors and notebooks show unions of private classes."""

import jaxtyping
import numpy.typing
from typing_extensions import TypeAliasType

ArrayLike = TypeAliasType("ArrayLike", numpy.typing.ArrayLike)
#: A key of JAX's random numbers.
PRNGKeyArray = TypeAliasType("PRNGKeyArray", jaxtyping.PRNGKeyArray)
