"""Text on a terminal: wrapped to its width, with coloured verdicts where it supports them."""

import os
import re
import shutil
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

_COLOURS = {"holds": "32", "fails": "31", "undecided": "33"}
_VERDICT = re.compile(r"\b(HOLDS|FAILS|UNDECIDED)\b|(?<=: )(holds|undecided)$", re.MULTILINE)
_NARROWEST, _WITHOUT_TERMINAL = 30, 100


@dataclass(frozen=True)
class Style:
    r"""The width of lines, and whether they may be coloured.

    Example:
        >>> print(Style(30, False).shown("1. no grazing: holds\n   The speed at the threshold is positive."))
        1. no grazing: holds
           The speed at the threshold
           is positive.
        >>> Style(30, True).shown("LIF: FAILS")
        'LIF: \x1b[31mFAILS\x1b[0m'
    """

    width: int
    has_colours: bool

    @classmethod
    def of(cls, stream: TextIO, environment: Mapping[str, str] = os.environ) -> "Style":
        """The style for a stream: `NO_COLOR` disables colours, `FORCE_COLOR` enables them without a terminal."""
        columns = shutil.get_terminal_size((_WITHOUT_TERMINAL, 24)).columns
        is_terminal = stream.isatty() and environment.get("TERM") != "dumb"
        is_forced = environment.get("FORCE_COLOR", "0") not in ("", "0")
        return cls(max(columns, _NARROWEST), not environment.get("NO_COLOR") and (is_forced or is_terminal))

    def shown(self, text: str) -> str:
        """Wrap each line of a text, further lines indented below the first, and colour its verdicts."""
        lines = [part for line in text.splitlines() for part in self._wrapped(line) or [""]]
        wrapped = "\n".join(lines)
        if not self.has_colours:
            return wrapped
        return _VERDICT.sub(lambda found: f"\x1b[{_COLOURS[found[0].lower()]}m{found[0]}\x1b[0m", wrapped)

    def _wrapped(self, line: str) -> list[str]:
        start = line.lstrip()
        indent = line[: len(line) - len(start)]
        return textwrap.wrap(
            start, self.width, initial_indent=indent, subsequent_indent=indent or "  ", break_on_hyphens=False
        )
