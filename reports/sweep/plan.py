"""What a sweep is going to do: cases, and the groups in which they run. A file of it is read as anybody's.

    pytest --collect-only ─► Listing ─► Plan: groups of what shares an engine load ─► a slot each

A plan names what pytest is called with, so it is as trustworthy as a script; here only its shape is checked.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.foreign import Refused, from_json, read_file
from energy_fixtures.record import Record, digest, need

PLAN_VERSION = 1
LARGEST_BYTES = 64 << 20
MOST_BOARDS = 4096
LONGEST_S = 1e7

Text = Annotated[str, Meta(max_length=8192)]
Seconds = Annotated[float, Meta(ge=0, lt=LONGEST_S)]
Joules = Annotated[float, Meta(ge=0, lt=1e15)]


class Case(Record, frozen=True, kw_only=True):
    """One test as pytest collected it.

    Attributes:
        nodeid: pytest's.
        load_key: Equal for all that share one engine load; None where no engine is loaded.
        engine, model: Of the Scenario; None for a plain function.
        label: What is loaded, in a few words.
        boards: Accelerators that it needs for itself; 0 where the machine itself is the board.
        skip: Why it is skipped wherever the plan was made; None where it runs.
        measures: Whether it uses the energy fixture.
        expected_s, expected_j: Time and metered energy of an earlier run; None where nobody knows.
    """

    nodeid: Text
    load_key: Text | None = None
    engine: Text | None = None
    model: Text | None = None
    label: Text | None = None
    boards: Annotated[int, Meta(ge=0, le=MOST_BOARDS)] = 0
    skip: Text | None = None
    measures: bool = False
    expected_s: Seconds | None = None
    expected_j: Joules | None = None

    def __post_init__(self) -> None:
        need("::" in self.nodeid, "a case is named by pytest's node id, file::test", self.nodeid)
        for text in (self.nodeid, self.label or "", self.engine or "", self.model or ""):
            need(not any(unicodedata.category(letter) == "Cc" for letter in text), "no control characters", text)


class Listing(Record, frozen=True, kw_only=True):
    """What a collection found: every selected case in pytest's order, the code that it was found in, and where node ids begin."""

    cases: tuple[Case, ...]
    commit: Mapping[str, Any] = {}
    root: str = "."


class Group(Record, frozen=True, kw_only=True):
    """Cases that run one after the other in one pytest process.

    Attributes:
        number: From 1, in order of the plan; a Slurm array's task id.
        label: What they share, in a few words.
        boards: As in its cases.
        nodeids: Of its cases, in order.
    """

    number: Annotated[int, Meta(ge=1)]
    label: Text
    boards: Annotated[int, Meta(ge=0, le=MOST_BOARDS)]
    nodeids: tuple[Text, ...]


class Plan(Record, frozen=True, kw_only=True, omit_defaults=False):
    """Everything a sweep needs to know to run, or to go on.

    Attributes:
        version: Of this layout.
        arguments: What pytest is called with.
        code: A digest of the code that it was made of, `collect.code_of`.
        cases: All of the selection, in pytest's order, skipped ones too.
        groups: Of those that run.
        accelerator: Type of board that the user asked for, as Ray names it; None for any.
        root: pytest's root folder, as seen from where it is started: node ids begin there.
    """

    version: int
    arguments: tuple[Text, ...]
    code: Text | None
    cases: tuple[Case, ...]
    groups: tuple[Group, ...]
    accelerator: Text | None = None
    root: Text = "."

    def __post_init__(self) -> None:
        known = {case.nodeid for case in self.cases if case.skip is None}
        need(len({case.nodeid for case in self.cases}) == len(self.cases), "each case is named once", len(self.cases))
        named = [nodeid for group in self.groups for nodeid in group.nodeids]
        need(sorted(named) == sorted(known), "each case that runs stands in exactly one group", len(named))
        numbers = [group.number for group in self.groups]
        need(numbers == list(range(1, len(numbers) + 1)), "groups are numbered from 1", numbers[:5])
        need(all("\0" not in word for word in self.arguments), "arguments hold no NUL", len(self.arguments))

    @property
    def key(self) -> str:
        """Sixteen hex digits that are equal for plans of the same work; what is expected of it does not count."""
        work = tuple(msgspec.structs.replace(case, expected_s=None, expected_j=None) for case in self.cases)
        return digest(msgspec.structs.replace(self, cases=work))

    def group(self, number: int) -> Group:
        """The group of this number.

        Raises:
            ConfigurationError: There is none.
        """
        if not 1 <= number <= len(self.groups):
            raise ConfigurationError(f"--group {number}: the plan has groups 1 to {len(self.groups)}")
        return self.groups[number - 1]

    def by_nodeid(self) -> dict[str, Case]:
        """Its cases by name."""
        return {case.nodeid: case for case in self.cases}


def grouped(cases: Sequence[Case]) -> tuple[Group, ...]:
    """Groups of what shares an engine load, in order of first appearance; plain functions go by their file."""
    groups: dict[tuple[str, int], list[Case]] = {}
    for case in cases:
        if case.skip is None:
            shared = case.load_key or case.nodeid.partition("::")[0]
            groups.setdefault((shared, case.boards), []).append(case)
    return tuple(
        Group(
            number=number,
            label=_label(members[0]),
            boards=members[0].boards,
            nodeids=tuple(case.nodeid for case in members),
        )
        for number, members in enumerate(groups.values(), 1)
    )


def read_plan(path: Path) -> Plan:
    """A plan from a file.

    Raises:
        ConfigurationError: Not there, too large, not a plan, or of another version; one sentence that names the file.
    """
    try:
        text = read_file(path, LARGEST_BYTES)
        version = from_json(text, _Version).version
        if version != PLAN_VERSION:
            raise ConfigurationError(
                f"--plan {path} has version {version}, this joules reads {PLAN_VERSION}; write it again with --dry-run"
            )
        return from_json(text, Plan)
    except OSError as error:
        raise ConfigurationError(f"--plan {path} cannot be read: {error.strerror}") from error
    except Refused as error:
        raise ConfigurationError(f"--plan {path} is no plan of a sweep ({error}); write one with --dry-run") from error


def plan_text(plan: Plan) -> bytes:
    """The file's content."""
    return msgspec.json.format(msgspec.json.encode(plan), indent=1)


class _Version(msgspec.Struct):
    version: int


def _label(case: Case) -> str:
    if case.label is not None:
        return f"{case.engine} · {case.label}"
    return case.nodeid.partition("::")[0]
