"""What takes long to make is made when a test first asks for it, and not when its module is imported."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any


class Lazy(Mapping[str, Any]):
    """A mapping whose values are made when first asked for, and kept."""

    def __init__(self, make: Callable[[str], Any], names: Iterable[str]):
        self._make, self._names, self._made = make, tuple(names), {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
