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
        taken: When the store took the last of it; None where it does not say.
        ahead: How far the writer's clock ran ahead of the store's; None where it did not.
        spare: Objects of a group of which a fuller one is there; nobody reads them.
    """

    parts: tuple[Part, ...]
    whole: bool
    began: datetime.datetime
    taken: datetime.datetime | None
    ahead: datetime.timedelta | None
    spare: tuple[Found, ...] = ()

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
    found: dict[tuple[str, str], list[Part]] = defaultdict(list)
    for one in objects:
        part = part_of(one)
        if part is not None:
            found[part.name.machine, part.name.of_run].append(part)
    return sorted((_run(parts) for parts in found.values()), key=lambda run: (run.began, run.reference))


def part_of(found: Found) -> Part | None:
    """A case group among a store's objects, None for anything else."""
    machine, _, file = found.name.partition("/")
    name = parse(machine, file)
    return Part(name, found) if name is not None and name.content else None


def _fuller(part: Part) -> tuple[bool, int, str]:
    """Of one group that was sent twice, by a session that was killed in between, the one that knows more."""
    return part.name.last, part.found.size, part.found.name


def _run(found: list[Part]) -> ListedRun:
    groups = {part.name.group: part for part in sorted(found, key=_fuller)}
    parts = tuple(groups[number] for number in sorted(groups))
    when = parts[0].name.when
    taken = [part.found.modified for part in parts if part.found.modified is not None]
    first = min(taken, default=when)
    ahead = when - first if when - first > AHEAD else None
    return ListedRun(
        parts=parts,
        whole=parts[-1].name.last and [part.name.group for part in parts] == list(range(1, len(parts) + 1)),
        began=when if ahead is None else first,
        taken=max(taken, default=None),
        ahead=ahead,
        spare=tuple(part.found for part in found if groups[part.name.group] is not part),
    )
