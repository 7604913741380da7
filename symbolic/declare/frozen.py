"""An immutable, hashable, ordered mapping: what makes models comparable by content."""

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")


class FrozenMapping(Mapping[K, T], Generic[K, T]):
    """A mapping that never changes, equal to any other with the same items.

    Example:
        >>> FrozenMapping({"a": 1}) == {"a": 1}
        True
        >>> hash(FrozenMapping({"a": 1, "b": 2})) == hash(FrozenMapping({"b": 2, "a": 1}))
        True
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[K, T] | None = None) -> None:
        self._items: dict[K, T] = dict(items or {})

    def __getitem__(self, key: K) -> T:
        return self._items[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)
