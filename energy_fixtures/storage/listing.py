"""What a shared store holds, as runs: told from a list of names alone.

A run is as old as its name says, unless its writer's clock runs ahead: then it is as old as the store says that it took
it. So a machine whose clock runs ahead is not the newest for ever. A clock that runs behind cannot be told from results
that were sent late.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from energy_fixtures.storage.names import UNKNOWN, Name, parse, text_of
from energy_fixtures.storage.remote import Found

INDEX = "_index"
"""Folder of the index's snapshots; no machine's folder has an underscore."""

AHEAD = datetime.timedelta(minutes=2)
"""Clocks that are set over the network differ by less."""


class Part(NamedTuple):
    """One case group that is there."""

    name: Name
    found: Found


@dataclass(frozen=True, kw_only=True)
class ListedRun:
    """One run that is there, or what is there of it.

    Attributes:
        parts: Its groups in order, each once.
        whole: Whether its session ended and every group is there.
        began: When, as far as it can be believed; see above.
        ahead: How far the writer's clock ran ahead of the store's; None where it did not.
    """

    parts: tuple[Part, ...]
    whole: bool
    began: datetime.datetime
    ahead: datetime.timedelta | None

    @property
    def name(self) -> Name:
        """Of one of its groups."""
        return self.parts[0].name

    @property
    def reference(self) -> str:
        """By which `joules compare` finds it, and the index names it."""
        return f"{self.name.machine}/{self.name.of_run}"

    @property
    def branch(self) -> str | None:
        """As far as the name tells it."""
        return None if self.name.branch == UNKNOWN else text_of(self.name.branch)

    @property
    def size(self) -> int:
        """Bytes of all its groups."""
        return sum(part.found.size for part in self.parts)

    @property
    def doubt(self) -> str | None:
        """A sentence where the writer's clock runs ahead."""
        if self.ahead is None:
            return None
        minutes = self.ahead.total_seconds() / 60
        return (
            f"{self.reference}: the clock of its machine ran {minutes:.0f} min ahead of the store's; "
            "it is taken to be as old as the store says"
        )


def runs_of(objects: Iterable[Found]) -> list[ListedRun]:
    """The runs among a store's objects, oldest first; other objects are no concern of ours."""
    groups: dict[tuple[str, str], dict[int, Part]] = defaultdict(dict)
    for found in objects:
        part = part_of(found)
        if part is not None:
            of_run = groups[part.name.machine, part.name.of_run]
            had = of_run.get(part.name.group)
            if had is None or _fuller(part) > _fuller(had):
                of_run[part.name.group] = part
    return sorted((_run(of_run) for of_run in groups.values()), key=lambda run: (run.began, run.reference))


def part_of(found: Found) -> Part | None:
    """A case group among a store's objects, None for anything else."""
    machine, _, file = found.name.partition("/")
    name = parse(machine, file) if "_" not in machine else None
    return Part(name, found) if name is not None and name.content else None


def _fuller(part: Part) -> tuple[bool, int, str]:
    """Of one group that was sent twice, by a session that was killed in between, the one that knows more."""
    return part.name.last, part.found.size, part.found.name


def _run(groups: dict[int, Part]) -> ListedRun:
    parts = tuple(groups[number] for number in sorted(groups))
    when = parts[0].name.when
    taken = min((part.found.modified for part in parts if part.found.modified is not None), default=None)
    ahead = when - taken if taken is not None and when - taken > AHEAD else None
    whole = parts[-1].name.last and [part.name.group for part in parts] == list(range(1, len(parts) + 1))
    return ListedRun(parts=parts, whole=whole, began=when if ahead is None or taken is None else taken, ahead=ahead)
