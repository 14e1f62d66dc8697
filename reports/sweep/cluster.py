"""What the driver of a sweep sees of the machines that it runs on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from reports.sweep.order import Order
from reports.sweep.schedule import Node


@dataclass(frozen=True, kw_only=True)
class Lines:
    """New whole lines of a running order's journal."""

    token: int
    lines: bytes


@dataclass(frozen=True, kw_only=True)
class Ended:
    """An order is over; `failure` says why it did not end as it should."""

    token: int
    failure: str | None


@dataclass(frozen=True, kw_only=True)
class Came:
    """A node joined."""

    node: Node


@dataclass(frozen=True, kw_only=True)
class Gone:
    """A node is no longer there, or cannot be used."""

    node: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Rescued:
    """A journal that was found on a node, of an order whose driver or slot died."""

    group: int
    token: str
    lines: bytes


Event = Lines | Ended | Came | Gone | Rescued


class Cluster(Protocol):
    """Machines that run orders. Nodes are named by the keys of `schedule.Node`."""

    def nodes(self) -> Sequence[Node]:
        """Those that can be used."""

    def name(self, node: str) -> str:
        """What a person calls it."""

    def start(self, token: int, node: str, order: Order) -> None:
        """Begin an order on a node; `events` tell of it by its token."""

    def give(self, token: int, nodeids: Sequence[str]) -> None:
        """Ask a running order to leave these cases to others."""

    def events(self, wait_s: float) -> list[Event]:
        """What happened; waits for something to happen, at most `wait_s`."""
