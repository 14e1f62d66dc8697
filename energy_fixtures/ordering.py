"""Order items so that what shares an engine load stands together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

T = TypeVar("T")


def grouped(items: Sequence[T], key: Callable[[T], Hashable | None]) -> list[T]:
    """The same items, those of equal key next to each other, groups and members in order of first appearance.

    An item whose key is None belongs to no group and keeps its place among the groups.
    """
    first: dict[Hashable, int] = {}
    places = []
    for index, item in enumerate(items):
        group = key(item)
        places.append(index if group is None else first.setdefault(group, index))
    return [items[index] for index in sorted(range(len(items)), key=lambda index: places[index])]
