"""From text to tokens, and from a place in the text to an error that points at it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..errors import ModelError

#: Long enough for detailed biophysical models; keeps hostile text from keeping SymPy busy.
MAX_CHARACTERS = 5000
MAX_NAME = 50
_SHOWN = 100
_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r]+ | \#[^\n]*)
      | (?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<separator>[\n;,])
      | (?P<symbol>\*\*|->|>=|<=|\+=|==|!=|[-+*/^()=<>:&|])""",
    re.VERBOSE,
)
_UNEXPECTED = {"'": "write a derivative as dV/dt", "[": "use ( and )", "{": "use ( and )", "\n": "write it in one line"}


@dataclass(frozen=True)
class Source:
    """One piece of declaration text and what it declares, such as `equations` or `reset`."""

    what: str
    text: str

    def error(self, position: int, message: str) -> ModelError:
        """Return the error that shows `message`, the line of `position` and a caret under it."""
        start = self.text.rfind("\n", 0, position) + 1
        number, column = self.text.count("\n", 0, position) + 1, position - start
        line = self.text[start:].partition("\n")[0]
        # only a window of a very long line is shown; the caret needs every character to be one column wide
        left = max(len(line) - len(line.lstrip()), column - _SHOWN // 2) if line.strip() else 0
        shown = "".join(character if character.isprintable() else " " for character in line[left : left + _SHOWN])
        caret = " " * (column - left) + "^"
        return ModelError(
            f"{self.what}, line {number}, column {column + 1}: {message}\n    {shown.rstrip()}\n    {caret}"
        )


@dataclass(frozen=True)
class Token:
    """A number, a name, a symbol such as `**`, a separator (line end, semicolon or comma) or the end of a statement."""

    kind: Literal["number", "name", "symbol", "separator", "end"]
    text: str
    position: int

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else "the line end" if self.text == "\n" else repr(self.text)


def tokenize(source: Source) -> list[Token]:
    """Split text into tokens, without blanks and comments."""
    if len(source.text) > MAX_CHARACTERS:
        raise source.error(0, f"the text is longer than {MAX_CHARACTERS} characters; give numbers as parameters")
    tokens: list[Token] = []
    position = 0
    while position < len(source.text):
        match = _TOKEN.match(source.text, position)
        if match is None:
            character = source.text[position]
            advice = _UNEXPECTED.get(character, "names are made of the letters a-z, A-Z, digits and _")
            raise source.error(position, f"unexpected character {character!r}; {advice}")
        kind = match.lastgroup
        if kind == "name" and len(match.group()) > MAX_NAME:
            raise source.error(position, f"the name is longer than {MAX_NAME} characters; shorten it")
        if kind == "number" or kind == "name" or kind == "symbol" or kind == "separator":
            tokens.append(Token(kind, match.group(), position))
        position = match.end()
    return tokens


def statements(source: Source, *, commas: bool = False) -> list[Sequence[Token]]:
    """Split text at line ends and semicolons, and at commas if wanted; each statement ends in an `end` token.

    Commas within parentheses separate no statements.
    """
    found: list[Sequence[Token]] = []
    current: list[Token] = []
    comma: Token | None = None
    depth = 0
    for token in [*tokenize(source), Token("separator", "\n", len(source.text))]:
        if token.kind != "separator" or (token.text == "," and (depth > 0 or not commas)):
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            current.append(token)
            continue
        if current:
            last = current[-1]
            found.append([*current, Token("end", "", last.position + len(last.text))])
        elif token.text == "," or comma is not None:
            raise source.error((comma or token).position, "nothing to separate here; remove the comma")
        depth = 0
        current, comma = [], token if token.text == "," else None
    return found
