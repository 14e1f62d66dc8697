"""A Ray cluster as the driver sees it: nodes that can be used, orders in slots, and what became of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from energy_fixtures.errors import ConfigurationError, JoulesError
from reports.ray_connection import first_line
from reports.sweep.cluster import Came, Ended, Event, Gone, Lines, Rescued
from reports.sweep.order import Order
from reports.sweep.plan import Listing
from reports.sweep.schedule import Node
from reports.sweep.slot import Slot, cleared, collected, rescued

PROBE_S, PLACED_S, NODES_S = 60.0, 120.0, 1.0
"""How long a node may take to answer, how long Ray may take to reserve a slot's boards, how often nodes are looked at."""

NEEDED = {"pytest": "pytest", "pytest_benchmark": "pytest-benchmark", "msgspec": "msgspec", "psutil": "psutil"}
ENGINES = {"transformers": ("transformers", "torch"), "vllm": ("vllm",), "vllm_server": ("vllm",)}
"""Packages without which a node would skip the cases that other nodes run."""


@dataclass(kw_only=True)
class _Running:
    slot: Any
    node: str
    boards: int
    began_s: float
    answered: bool = False


class RayCluster:
    """The nodes of a cluster that can run a sweep.

    Args:
        ray: Connected.
        folder: Where pytest is started on nodes; None for the copy that Ray ships.
        arguments: pytest's.
        accelerator: Type of board that is wanted, as Ray names it; None for any.
        say: Told which nodes are left out, and why.
    """

    def __init__(
        self,
        ray: Any,
        folder: Path | None,
        arguments: Sequence[str],
        accelerator: str | None,
        say: Callable[[str], None],
    ) -> None:
        self._ray = ray
        self._folder = None if folder is None else str(folder)
        self._arguments = tuple(arguments)
        self._accelerator = accelerator
        self._say = say
        self._sweep = ""
        self._engines: frozenset[str] = frozenset()
        self._rows: dict[str, Any] = {}
        self._left_out: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._running: dict[int, _Running] = {}
        self._waiting: dict[Any, int] = {}
        self._idle: list[tuple[str, int, Any]] = []
        self._looked_s = 0.0

    # -- before the plan is known --------------------------------------------------------------------------------

    def look(self) -> None:
        """Find the nodes.

        Raises:
            ConfigurationError: None of them has what was asked for.
        """
        self._rows = self._alive()
        if not self._rows:
            wanted = "" if self._accelerator is None else f" with boards of type {self._accelerator}"
            raise ConfigurationError(f"--ray: the cluster has no node{wanted} that could run anything")

    @property
    def has_boards(self) -> bool:
        """Whether any node has accelerators."""
        return any(_boards(row) for row in self._rows.values())

    def lacking(self, folder: Path) -> list[str]:
        """Names of nodes that do not have this folder."""
        seen = self._asked(list(self._rows), _has_folder(), str(folder))
        return [self.name(node) for node, there in seen.items() if there is False]

    def collect(self) -> Listing:
        """The cases as the node with the most boards sees them.

        Raises:
            ConfigurationError: See `collect.collect`.
            JoulesError: The node does not answer.
        """
        node = max(self._rows, key=lambda key: _boards(self._rows[key]))
        task = self._on(node, collected)
        try:
            listing: Listing = self._ray.get(task.remote(self._arguments, self._folder))
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, JoulesError):
                raise type(error.cause)(*error.cause.args, below=error.cause.below) from None
            raise JoulesError(f"{self.name(node)} cannot collect the cases: {first_line(error.cause)}") from error
        except self._ray.exceptions.RayError as error:
            raise JoulesError(f"{self.name(node)} was lost while it collected: {first_line(error)}") from error
        return listing

    def prepare(self, sweep: str, engines: frozenset[str]) -> None:
        """Say what is going to run, and leave out nodes that cannot.

        Raises:
            ConfigurationError: No node can; with the first node's reason.
        """
        self._sweep, self._engines = sweep, engines
        self._check(list(self._rows))
        if not self._rows:
            raise ConfigurationError(f"--ray: no node can run this; {next(iter(self._left_out.values()))}")

    # -- Cluster -------------------------------------------------------------------------------------------------

    def nodes(self) -> list[Node]:
        """Those that can be used."""
        return [Node(key=key, boards=_boards(row)) for key, row in self._rows.items()]

    def name(self, node: str) -> str:
        """Its host's name, numbered where several nodes are on one host."""
        return self._names.get(node, node[:8])

    def start(self, token: int, node: str, order: Order) -> None:
        """Begin an order in a slot of this node: a warm one that has as many boards, else a new one."""
        slot = self._slot(node, order.boards)
        self._running[token] = _Running(slot=slot, node=node, boards=order.boards, began_s=time.monotonic())
        self._waiting[slot.run.remote(order, self._arguments, narrowed=order.boards > 0)] = token

    def give(self, token: int, nodeids: Sequence[str]) -> None:
        """Ask a running order to leave these cases to others."""
        self._running[token].slot.give.remote(tuple(nodeids))

    def events(self, wait_s: float) -> list[Event]:
        """What happened."""
        found = self._changes()
        if self._waiting:
            wait_s = 0.0 if found else wait_s
            first, _ = self._ray.wait(list(self._waiting), num_returns=1, timeout=wait_s)
            if first:  # and whoever else is ready
                first, _ = self._ray.wait(list(self._waiting), num_returns=len(self._waiting), timeout=0)
            for reference in first:
                found += self._heard(reference)
        elif not found:
            time.sleep(min(wait_s, NODES_S))
        return [*found, *self._unplaced()]

    def rescue(self, nodes: Sequence[str] | None = None) -> list[Event]:
        """Journals of this sweep that lie on nodes."""
        keys = [node for node in (self._rows if nodes is None else nodes) if node in self._rows]
        lie = self._asked(keys, rescued, None, by_node=True)
        return [
            Rescued(group=group, token=token, lines=lines)
            for journals in lie.values()
            for group, token, lines in journals or ()
        ]

    def clear(self) -> None:
        """Remove what nodes keep of this sweep: everything of it was heard."""
        for slot in [one[2] for one in self._idle]:
            self._ray.kill(slot)
        self._idle = []
        self._asked(list(self._rows), cleared, None, by_node=True)

    # -- parts ---------------------------------------------------------------------------------------------------

    def _heard(self, reference: Any) -> list[Event]:
        token = self._waiting.pop(reference)
        running = self._running[token]
        try:
            step = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            return self._over(token, first_line(error.cause), lost=True)
        except self._ray.exceptions.RayError:
            there = running.node in self._alive()
            name = self.name(running.node)
            why = f"its task on {name} was ended" if there else f"{name} was lost"
            rescue = self.rescue([running.node]) if there else []
            return [*rescue, *self._over(token, why, lost=True)]
        running.answered = True
        found: list[Event] = [Lines(token=token, lines=step.lines)] if step.lines else []
        if step.ended:
            return [*found, *self._over(token, step.failure, lost=False)]
        self._waiting[running.slot.step.remote()] = token
        return found

    def _over(self, token: int, failure: str | None, *, lost: bool) -> list[Event]:
        running = self._running.pop(token)
        if lost:
            self._ray.kill(running.slot)
        else:
            self._idle.append((running.node, running.boards, running.slot))
        return [Ended(token=token, failure=failure)]

    def _unplaced(self) -> list[Event]:
        """Orders whose boards Ray could not reserve: somebody else has them."""
        found: list[Event] = []
        for reference, token in list(self._waiting.items()):
            running = self._running[token]
            if not running.answered and time.monotonic() - running.began_s > PLACED_S:
                del self._waiting[reference]
                found += self._over(
                    token, f"{self.name(running.node)} is in use by other work of the cluster", lost=True
                )
        return found

    def _slot(self, node: str, boards: int) -> Any:
        kept = next((one for one in self._idle if one[:2] == (node, boards)), None)
        if kept is not None:
            self._idle.remove(kept)
            return kept[2]
        for other in [one for one in self._idle if one[0] == node]:  # they hold boards that may be needed
            self._idle.remove(other)
            self._ray.kill(other[2])
        row = self._rows[node]
        whole = {"num_cpus": row["Resources"].get("CPU", 0), "num_gpus": _boards(row)}
        reserved = whole if boards == 0 else {"num_cpus": 0, "num_gpus": boards}
        made = self._ray.remote(Slot).options(
            **reserved, max_concurrency=2, max_restarts=0, scheduling_strategy=self._affinity(node)
        )
        return made.remote(self._folder, node, self._sweep)

    def _changes(self) -> list[Event]:
        """Nodes that came and went."""
        if time.monotonic() - self._looked_s < NODES_S:
            return []
        self._looked_s = time.monotonic()
        now = self._alive()
        found: list[Event] = []
        for node in [key for key in self._rows if key not in now]:
            del self._rows[node]
            found.append(Gone(node=node, why=f"{self.name(node)} was lost"))
        new = [key for key in now if key not in self._rows and key not in self._left_out]
        if new:
            self._rows.update({key: now[key] for key in new})
            self._check(new)
            found += [Came(node=node) for node in self.nodes() if node.key in new]
        return found

    def _alive(self) -> dict[str, Any]:
        rows = {row["NodeID"]: row for row in self._ray.nodes() if row["Alive"]}
        hosts = Counter(row["NodeManagerHostname"] for row in rows.values())
        for key, row in rows.items():
            host = row["NodeManagerHostname"]
            self._names.setdefault(key, host if hosts[host] == 1 else f"{host}-{key[:4]}")
        wanted = None if self._accelerator is None else f"accelerator_type:{self._accelerator}"
        return {
            key: row
            for key, row in rows.items()
            if (wanted is None or wanted in row["Resources"]) and (row["Resources"].get("CPU", 0) >= 1 or _boards(row))
        }

    def _check(self, nodes: Sequence[str]) -> None:
        """Leave out those that lack a package or do not answer."""
        packages = dict(NEEDED)
        for engine in sorted(self._engines):
            packages |= {package: package for package in ENGINES.get(engine, ())}
        for node, missing in self._asked(nodes, _lacks(), (self._folder, packages)).items():
            if missing is None:
                self._leave_out(node, f"{self.name(node)} does not answer")
            elif missing:
                self._leave_out(node, f"{self.name(node)} lacks {', '.join(missing)}; install it there")

    def _leave_out(self, node: str, why: str) -> None:
        self._left_out[node] = why
        del self._rows[node]
        self._say(f"node left out: {why}")

    def _asked(
        self, nodes: Sequence[str], question: Callable[..., Any], argument: Any, *, by_node: bool = False
    ) -> dict[str, Any]:
        """The answer of each node; None where it does not answer."""
        asked = {
            self._on(node, question).remote(*((node, self._sweep) if by_node else (argument,))): node for node in nodes
        }
        answers: dict[str, Any] = dict.fromkeys(nodes)
        ready, late = self._ray.wait(list(asked), num_returns=len(asked), timeout=PROBE_S) if asked else ([], [])
        for reference in late:
            self._ray.cancel(reference, force=True)
        for reference in ready:
            try:
                answers[asked[reference]] = self._ray.get(reference)
            except self._ray.exceptions.RayError:
                continue
        return answers

    def _on(self, node: str, function: Callable[..., Any]) -> Any:
        return self._ray.remote(function).options(num_cpus=0, max_retries=0, scheduling_strategy=self._affinity(node))

    def _affinity(self, node: str) -> Any:
        return self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node_id=node, soft=False)


def _boards(row: Any) -> int:
    return int(row["Resources"].get("GPU", 0))


def _has_folder() -> Callable[[str], bool]:
    """A question that needs nothing of ours on the node: a function made here travels with its code."""

    def has_folder(folder: str) -> bool:
        import os

        return os.path.isdir(folder)

    return has_folder


def _lacks() -> Callable[[tuple[str | None, dict[str, str]]], list[str]]:
    def lacks(argument: tuple[str | None, dict[str, str]]) -> list[str]:
        import importlib.util
        import os
        import sys

        folder, packages = argument
        sys.path.insert(0, folder or os.getcwd())
        found = [name for module, name in packages.items() if importlib.util.find_spec(module) is None]
        ours = [module for module in ("energy_fixtures", "reports") if importlib.util.find_spec(module) is None]
        return [*found, *(["pytest-joules"] if ours else [])]

    return lacks
