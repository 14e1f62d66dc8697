"""What pytest processes of a sweep are told: by a file, which an environment variable names."""

from __future__ import annotations

import re
from pathlib import Path

from energy_fixtures.record import Record

LISTING, FILE, FOLDER = "JOULES_SWEEP_LISTING", "JOULES_SWEEP_ORDER", "JOULES_SWEEP_STATE"
"""Environment variables of the three plugins: where `listing` writes to, what `on_node` runs, what `replay` tells of."""


def is_identity(text: str) -> bool:
    """Whether this can name a sweep, and with it a folder that is removed when the sweep is over."""
    return re.fullmatch(r"[0-9a-f]{16}", text) is not None


class Order(Record, frozen=True, kw_only=True):
    """One attempt at a group, or at a part of it.

    Attributes:
        sweep: Identity of the sweep.
        group: Number of the group.
        token: Names the attempt, and its files.
        nodeids: Cases, in order.
        boards, devices, node, clock: See `journal.Begin`.
        folder: For its files.
    """

    sweep: str
    group: int
    token: str
    nodeids: tuple[str, ...]
    boards: int
    devices: str | None
    node: str
    clock: str
    folder: str

    @property
    def file(self) -> Path:
        """The order itself."""
        return self._path("order")

    @property
    def journal(self) -> Path:
        """Where the process writes what it finished."""
        return self._path("jsonl")

    @property
    def gifts(self) -> Path:
        """Where cases are named that it shall leave to others."""
        return self._path("gifts")

    @property
    def log(self) -> Path:
        """What the process printed."""
        return self._path("log")

    def _path(self, ending: str) -> Path:
        return Path(self.folder) / f"{self.group:04d}-{self.token}.{ending}"
