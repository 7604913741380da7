"""The page of the schema in the manual: `python -m smoothspike.studies.config.document docs/lookup/config.md`."""

import dataclasses
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from . import functions
from .check import fields_of, limits_text, open_field, shown
from .kinds import Argument, kind_of
from .schema import Config

BEGIN, END = (
    "<!-- schema: written by `python -m smoothspike.studies.config.document docs/lookup/config.md` -->",
    "<!-- end -->",
)
_FUNCTIONS: tuple[tuple[str, str, tuple[str, ...], Callable[[str], Any]], ...] = (
    ("data", "Options of data", functions.DATA[:-1], functions.data_arguments),
    ("loss", "Options of losses", functions.LOSSES[:-1], functions.loss_arguments),
    ("optimizer", "Options of optimisers", functions.OPTIMIZERS, functions.optimizer_arguments),
    ("optimizer.schedule", "Options of schedules", functions.SCHEDULES, functions.schedule_arguments),
)


def page(before: str) -> str:
    """Return a page whose part between the two marks is what the schema says now.

    Raises:
        ValueError: if the marks are missing.
    """
    head, begin, rest = before.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page must have the lines {BEGIN} and {END}")
    return f"{head}{BEGIN}\n\n{schema()}\n{END}{tail}"


def schema() -> str:
    """Return a table of every part of a configuration, and of the options of what it can name."""
    return "\n".join([*_tables(Config, "", ""), *(line for each in _FUNCTIONS for line in _named_functions(*each))])


def _tables(kind: type, name: str, doc: str) -> Iterator[str]:
    yield from (f"## `[{name}]`" if name else "## Top level", "", doc or (kind.__doc__ or ""), "")
    yield from ("| key | value | default | what it is |", "|---|---|---|---|")
    fields, inner = fields_of(kind), []
    for key, (field, annotation) in fields.items():
        nested = field.metadata.get("table")
        if nested is None:
            yield _row(key, _value(field, annotation), _default(field), field.metadata["doc"])
        else:
            inner.append((field, nested, key))
    if open_field(kind) is not None:
        yield _row("...", "", "", "options of what `name` names, see below")
    yield ""
    for field, nested, key in inner:
        several = field.metadata.get("several")
        full = f"{name.strip('[]')}.{key}" if name else key
        full = {"named": f"{full}.NAME", "listed": f"[{full}]", None: full}[several]
        yield from _tables(nested, full, _sentence(field, nested))


def _sentence(field: dataclasses.Field[Any], nested: type) -> str:
    doc = field.metadata["doc"]
    return doc if doc == nested.__doc__ else f"{nested.__doc__} ({doc})"


def _value(field: dataclasses.Field[Any], annotation: Any) -> str:
    names = field.metadata.get("names")
    if names is not None and len(names) <= 12:
        return "one of " + ", ".join(f"`{name}`" for name in names)
    kind = kind_of(annotation)
    assert kind is not None
    return kind.text + limits_text(field.metadata)


def _default(field: dataclasses.Field[Any]) -> str:
    return "" if field.default in (None, dataclasses.MISSING, ()) else f"`{shown(field.default)}`"


def _named_functions(
    name: str, title: str, names: tuple[str, ...], found: Callable[[str], Mapping[str, Argument]]
) -> Iterator[str]:
    yield from (f"## {title}", "", "| `name` | key | value | default | what it is |", "|---|---|---|---|---|")
    for each in names:
        rows = found(each)
        if not rows:
            yield f"| `{each}` | | | | no options |"
        for key, argument in rows.items():
            is_needed = argument.default is inspect.Parameter.empty
            default = (
                "**needed**" if is_needed else "" if argument.default is None else f"`{_written(argument.default)}`"
            )
            yield f"| `{each}` {_row(key, argument.kind.text, default, _first(argument.doc))}"
    yield ""


def _written(value: Any) -> str:
    return "" if value is None else f"`{list(value) if isinstance(value, tuple) else shown(value)}`"


def _row(*cells: str) -> str:
    key, *rest = cells
    escaped = [cell.replace("|", "\\|") for cell in rest]
    return f"| `{key}` | {' | '.join(escaped)} |"


def _first(doc: str) -> str:
    """Return the first sentence."""
    return doc.partition(". ")[0].rstrip(".")


def main() -> None:
    """Bring the page that is named on the command line up to date."""
    path = Path(sys.argv[1])
    path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
