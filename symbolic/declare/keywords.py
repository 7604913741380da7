"""Refusal of unknown keywords, with a suggestion."""

import inspect
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

from ..errors import ModelError


def refuse_unknown(keywords: Iterable[str], function: Callable[..., Any]) -> None:
    """Refuse unknown keywords, and suggest a known one."""
    parameters = inspect.signature(function).parameters.values()
    known = [each.name for each in parameters if each.kind is not each.VAR_KEYWORD and each.name != "self"]
    for keyword in keywords:
        close = get_close_matches(keyword, known, n=1)
        guess = f"did you mean {close[0]!r}? " if close else ""
        raise ModelError(f"unknown keyword {keyword!r}; {guess}A declaration has {', '.join(known)}")
