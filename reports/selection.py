"""Which cases of a baseline were to run in this session, as far as its command line tells. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What pytest was told to run, and what it found.

    Attributes:
        arguments: Files, folders and node ids that pytest was given.
        folder, root: Where it was called, and what node ids are relative to.
        selected: Node ids of the tests that were to run.
        left_out: Node ids of those that were found and left out on purpose.
        narrowed_by: Options that may leave out a test that was not found, as written: nobody can tell what `-k` would have
            said of a test that is gone.
    """

    arguments: tuple[str, ...]
    folder: Path
    root: Path
    selected: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()
    narrowed_by: tuple[str, ...] = ()

    def expects(self, fullname: str) -> bool:
        """Whether a case, by full name, was to run for sure."""
        return self._wanted(fullname) is True

    def leaves_open(self, fullname: str) -> bool:
        """Whether it may have been left out, and may not."""
        return self._wanted(fullname) is None

    def _wanted(self, fullname: str) -> bool | None:
        tests = set(owners(fullname))
        if tests & self.left_out:
            return False
        if tests & self.selected:
            return True
        if not any(self._lies_under(fullname, argument) for argument in self.arguments):
            return False
        return None if self.narrowed_by else True

    def _lies_under(self, nodeid: str, argument: str) -> bool:
        """Whether a test is among those that one of pytest's arguments names, also when its file is gone."""
        path, _, part = argument.partition("::")
        file, _, rest = nodeid.partition("::")
        asked, here = (self.folder / path).resolve(), (self.root / file).resolve()
        inside = asked == here or asked in here.parents
        return inside and (not part or rest == part or rest.startswith((f"{part}[", f"{part}::")))


def owners(fullname: str) -> Iterator[str]:
    """Node ids that a result of this full name may be of: its own, or without the names of its parts.

    >>> list(owners("t.py::test_a::load"))
    ['t.py', 't.py::test_a', 't.py::test_a::load']
    """
    end = fullname.find("::")
    while end >= 0:
        yield fullname[:end]
        end = fullname.find("::", end + 1)
    yield fullname
