"""One group of a plan on this machine, without Ray: a task of a Slurm array, or of anything else that counts from 1."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from energy_fixtures.errors import ConfigurationError
from reports.sweep.journal import lines_of
from reports.sweep.order import Order
from reports.sweep.page import case_line
from reports.sweep.plan import Plan
from reports.sweep.slot import cleared, scratch_of
from reports.sweep.state import State
from reports.sweep.worker import Worker, clock_name

STEP_S = 5.0


def run_group(plan: Plan, number: int, state: State, folder: Path, say: Callable[[str], None]) -> list[str]:
    """Run what is left of a group; why cases have no answer yet, a sentence each.

    Args:
        plan: Of the sweep.
        number: Of the group.
        state: Where answers go, on a file system that all tasks share.
        folder: Where pytest is started.
        say: Told one line per finished case.

    Raises:
        ConfigurationError: No such group, or too few boards are visible.
        JoulesError: pytest cannot be started here.
    """
    group = plan.group(number)
    devices = visible(group.boards, os.environ)
    before = state.finished()
    left = tuple(nodeid for nodeid in group.nodeids if nodeid not in before)
    if not left:
        say(f"group {number} is finished already")
        return []
    node = socket.gethostname()
    token = secrets.token_hex(4)
    place = f"{node}-{token}"  # tasks of one array may share a machine
    scratch = scratch_of(place, state.identity)
    order = Order(
        sweep=state.identity,
        group=number,
        token=token,
        nodeids=left,
        boards=group.boards,
        devices=devices,
        node=node,
        clock=clock_name(),
        folder=str(scratch),
    )
    worker = Worker(folder, scratch, os.environ)
    writer = state.writer(number, order.token)
    done, unfinished = 0, dict.fromkeys(left, "pytest ended before it was run")
    try:
        worker.begin(order, plan.arguments)
        while True:
            step = worker.step(STEP_S)
            writer.copy(step.lines)
            for line in lines_of(step.lines):
                case = line.finished
                if case is not None and case.crashed is not None:
                    unfinished[case.nodeid] = case.crashed
                elif case is not None:
                    done += 1
                    unfinished.pop(case.nodeid, None)
                if case is not None:
                    say(case_line(case, node, done, len(left)))
            if step.ended:
                break
    finally:
        worker.close()
        writer.close()
        cleared(place, state.identity)
    if step.failure is not None:
        unfinished = dict.fromkeys(unfinished, step.failure)
    return [f"{nodeid}: {why}" for nodeid, why in unfinished.items()]


def visible(boards: int, environ: Mapping[str, str]) -> str | None:
    """The devices of a group as its scheduler has set them; None for all, or where it needs none.

    Raises:
        ConfigurationError: They are fewer than the group needs.
    """
    devices = environ.get("CUDA_VISIBLE_DEVICES")
    if boards == 0 or devices is None:
        return None
    seen = len([device for device in devices.split(",") if device.strip()])
    if seen < boards:
        raise ConfigurationError(
            f"this group needs {boards} GPUs and CUDA_VISIBLE_DEVICES shows {seen}; ask the scheduler for {boards}"
        )
    return devices
