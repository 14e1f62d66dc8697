"""`joules sweep`: plan, run on a cluster until nothing is left, report.

collect ─► plan ─► orders to slots ─► journals in the sweep's folder ─► one pytest session that tells of them
"""

from __future__ import annotations

import contextlib
import datetime
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.record import Record, digest
from energy_fixtures.store import publish
from reports.ray_connection import connected
from reports.sweep.collect import check_arguments, code_of, collect, environ_for, plan_of, words_of
from reports.sweep.drive import Drive, rescue, works
from reports.sweep.expected import expecting
from reports.sweep.on_ray import RayCluster
from reports.sweep.order import FOLDER
from reports.sweep.page import lost_lines
from reports.sweep.plan import Plan, plan_text, read_plan
from reports.sweep.schedule import Node, Schedule
from reports.sweep.simulate import expected_s
from reports.sweep.state import State

STORAGE = Path(".benchmarks")
SWEEPS = STORAGE / "sweeps"
FAILED = 1


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The command line, as typed.

    Attributes:
        arguments: What follows `--`; empty where a plan file says it.
        ray: Address of the cluster; None for none.
        plan: File of the plan.
        group: Run this group alone, here.
        collect: Only make the report.
        dry_run: Only show the plan.
        resume: There has to be something to go on with.
        fresh: Begin anew whatever is there.
        state: The sweep's folder.
        retries: Further attempts at a case.
        accelerator: Type of board.
    """

    arguments: tuple[str, ...]
    ray: str | None = None
    plan: Path | None = None
    group: int | None = None
    collect: bool = False
    dry_run: bool = False
    resume: bool = False
    fresh: bool = False
    state: Path | None = None
    retries: int = 2
    accelerator: str | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """What pytest is called with where no plan file says it."""
        return words_of(self.arguments, os.environ)

    def check(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            ConfigurationError: In one sentence.
        """
        check_arguments(self.words if self.arguments else ())
        if not self.arguments and (self.plan is None or not self.plan.exists()):
            what = "-- is missing" if self.plan is None else f"{self.plan} does not exist and -- is missing"
            raise ConfigurationError(f"{what}: pytest's arguments come after it, as in -- benchmarks -k greedy")
        alone = self.group is not None or self.collect
        if alone and (self.ray is not None or self.dry_run or (self.group is not None and self.collect)):
            raise ConfigurationError("--group and --collect work without Ray, one at a time; leave the others out")
        if alone and self.plan is None and self.state is None:
            raise ConfigurationError("--group and --collect need the plan: --plan FILE, written with --dry-run")
        if not alone and self.ray is None and not self.dry_run:
            raise ConfigurationError(
                "where to run is not said: --ray auto, --ray ADDRESS, or --group N for one group here"
            )
        if alone and self.fresh:
            raise ConfigurationError(
                "--group and --collect go on with a plan; for a new one write it again with --dry-run"
            )
        if self.resume and self.fresh:
            raise ConfigurationError("--resume goes on and --fresh begins anew; give one of them")
        if not 0 <= self.retries <= 100:
            raise ConfigurationError(f"--retries {self.retries}: give a number from 0 to 100")


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What --dry-run shows: the plan, nodes by name (none where nobody was asked), and when it would end."""

    plan: Plan
    nodes: tuple[tuple[str, Node], ...]
    took_s: float | None


def planned(asked: Asked, say: Callable[[str], None]) -> Planned:
    """The plan, and what it would need; nothing is run. It is written where --plan says, unless it was read from there.

    Raises:
        ConfigurationError, JoulesError: See `collect.collect` and `connection.connected`.
    """
    folder = Path.cwd()
    if asked.ray is None:
        plan = expecting(_plan(asked, folder, None), STORAGE, SWEEPS)
        _write(asked, plan)
        return Planned(plan=plan, nodes=(), took_s=None)
    with _cluster(asked, folder, say) as cluster:
        plan = expecting(_plan(asked, folder, cluster), STORAGE, SWEEPS)
        nodes = cluster.nodes()
        _write(asked, plan)
        schedule = Schedule(nodes, works(plan, set()), 0)
        nowhere = schedule.give_up_what_fits_nowhere("")
        took_s = None if nowhere else expected_s(schedule)
        return Planned(plan=plan, nodes=tuple((cluster.name(node.key), node) for node in nodes), took_s=took_s)


def sweep(asked: Asked, say: Callable[[str], None]) -> int:
    """Run it all on the cluster, or what is left of it, and report; pytest's exit status.

    Raises:
        ConfigurationError, JoulesError: Before anything is measured.
    """
    folder = Path.cwd()
    state = state_for(asked)
    with contextlib.ExitStack() as stack:
        stack.callback(state.release)
        state.hold()
        cluster = stack.enter_context(_cluster(asked, folder, say))
        plan = _begin(asked, state, _of_this_code(asked, state, _plan(asked, folder, cluster)), say)
        _write(asked, plan)
        reported = state.reported
        if reported is not None:  # killed before it could put the folder aside
            aside = state.put_aside(_now())
            say(f"this sweep was reported already, with exit status {reported}; its folder is put aside in {aside}")
            return reported
        cluster.prepare(
            state.identity, frozenset(case.engine for case in plan.cases if case.engine and case.skip is None)
        )
        if rescue(state, cluster.rescue()):
            say("finished cases of the driver before were found on the nodes and kept")
        done = len(state.finished())
        if done:
            say(f"going on: {done} cases are finished, nothing is measured twice ({state.folder})")
        lost = Drive(plan, state, cluster, asked.retries, say).run()
        state.give_up(lost)
        cluster.clear()
    for line in lost_lines(lost):
        say(line)
    return _reported(plan, state, folder, bool(lost), say)


def collected(asked: Asked, say: Callable[[str], None]) -> int:
    """Make the report from what is there; pytest's exit status."""
    state = state_for(asked)
    plan = _of_this_code(asked, state, state.plan or _plan(asked, Path.cwd(), None))
    state.begin(plan)
    left = sum(len(work.nodeids) for work in works(plan, set(state.finished())))
    if left:
        say(f"{left} cases are not measured yet; each fails in this report")
    return report(plan, state, Path.cwd())


def one_group(asked: Asked, say: Callable[[str], None]) -> int:
    """Run one group of the plan here; 1 where a case has no answer."""
    from reports.sweep.alone import run_group

    assert asked.group is not None
    state = state_for(asked)
    plan = read_plan(asked.plan) if asked.plan is not None else state.plan
    if plan is None:
        raise ConfigurationError(f"{state.folder} holds no plan; name its file with --plan")
    plan = _of_this_code(asked, state, plan)
    state.begin(plan)
    unfinished = run_group(plan, asked.group, state, Path.cwd(), say)
    for sentence in unfinished:
        say(f"not measured: {next(iter(sentence.splitlines()))}")
    return FAILED if unfinished else 0


def report(plan: Plan, state: State, folder: Path) -> int:
    """The session that tells of the sweep; pytest's exit status. It writes to our own terminal.

    Raises:
        ConfigurationError: A file of the sweep is none; that session could only end in a traceback.
    """
    state.lost()
    command = [sys.executable, "-m", "pytest", *plan.arguments, "-p", "reports.sweep.replay"]
    environ = {**environ_for(os.environ), FOLDER: str(state.folder.resolve())}
    sys.stdout.flush()
    status = subprocess.run(command, cwd=folder, env=environ, check=False).returncode
    if status in (0, FAILED) and not works(plan, set(state.finished())):
        state.mark_reported(status)
    return status


def state_for(asked: Asked) -> State:
    """Where a sweep's answers lie: as told, else beside its plan, else a folder that the same command finds again."""
    if asked.state is not None:
        return State(asked.state)
    if asked.plan is not None:
        return State(asked.plan.with_suffix(".sweep"))
    return State(SWEEPS / digest(_Command(arguments=asked.words, accelerator=asked.accelerator)))


class _Command(Record, frozen=True, kw_only=True):
    arguments: tuple[str, ...]
    accelerator: str | None


def _plan(asked: Asked, folder: Path, cluster: RayCluster | None) -> Plan:
    """From the file where there is one, else from a collection: here, or on a node where only nodes have boards."""
    if asked.plan is not None and asked.plan.exists():
        plan = read_plan(asked.plan)
        if asked.arguments and asked.words != plan.arguments:
            raise ConfigurationError(
                f"--plan {asked.plan} is of another selection ({' '.join(plan.arguments)}); leave out what follows --, "
                "or name a file that is not there yet"
            )
        check_arguments(plan.arguments)
        return plan
    if cluster is not None and cluster.has_boards:
        listing = cluster.collect()
    else:
        listing = collect(asked.words, folder, environ_for(os.environ))
    return plan_of(listing, asked.words, folder, asked.accelerator, _outputs(asked, state_for(asked)))


def _begin(asked: Asked, state: State, plan: Plan, say: Callable[[str], None]) -> Plan:
    """The plan to work on: the one of the folder where that is of the same work."""
    before = state.plan
    if before is not None and (asked.fresh or before.key != plan.key):
        why = "" if asked.fresh else "the selection or the code is another than that of the sweep before; "
        if asked.resume:
            raise ConfigurationError(f"{why}there is nothing to go on with in {state.folder}")
        say(f"{why}beginning anew, what was measured before is kept in {state.put_aside(_now())}")
        state.hold()
        before = None
    if before is None and asked.resume:
        raise ConfigurationError(f"--resume: {state.folder} holds no sweep that was cut off")
    if before is None:
        before = expecting(plan, STORAGE, SWEEPS)
        state.begin(before)
    return before


def _of_this_code(asked: Asked, state: State, plan: Plan) -> Plan:
    """The plan, which a file may have kept longer than the checkout stayed as it was; --fresh takes the code as it is.

    Raises:
        ConfigurationError: One report would hold results of two codes.
    """
    now = code_of(plan.cases, Path.cwd() / plan.root, _outputs(asked, state))
    if plan.code == now:
        return plan
    if not asked.fresh:
        anew = "write the plan again with --dry-run, in another file" + (
            "" if asked.group is not None or asked.collect else ", or begin anew with --fresh"
        )
        raise ConfigurationError(
            f"the code here is another than when the plan was made, so its results would not go together; {anew}"
        )
    plan = msgspec.structs.replace(plan, code=now)
    if asked.plan is not None and asked.plan.exists():
        _publish(asked.plan, plan)
    return plan


def _outputs(asked: Asked, state: State) -> list[Path]:
    """What a sweep writes itself, so that it is no code."""
    return [STORAGE, state.folder, *([] if asked.plan is None else [asked.plan])]


def _reported(plan: Plan, state: State, folder: Path, lost: bool, say: Callable[[str], None]) -> int:
    status = report(plan, state, folder)
    if lost:
        say(f"the same command tries again what was not measured; the rest is kept in {state.folder}")
        return status or FAILED
    state.put_aside(_now())
    return status


def _write(asked: Asked, plan: Plan) -> None:
    if asked.plan is not None and not asked.plan.exists():
        _publish(asked.plan, plan)


def _publish(path: Path, plan: Plan) -> None:
    try:
        publish(path, plan_text(plan))
    except OSError as error:
        raise ConfigurationError(f"--plan {path} cannot be written: {error.strerror}") from error


@contextlib.contextmanager
def _cluster(asked: Asked, folder: Path, say: Callable[[str], None]) -> Iterator[RayCluster]:
    """The cluster; nodes that lack this folder make all of them work in a copy that Ray ships."""
    assert asked.ray is not None
    arguments, accelerator = _arguments(asked), asked.accelerator
    with connected(asked.ray) as ray:
        cluster = RayCluster(ray, folder, arguments, accelerator, say)
        cluster.look()
        lacking = cluster.lacking(folder)
        if not lacking:
            yield cluster
            return
    say(f"{', '.join(lacking)}: no folder {folder.name}/ at the same path, so Ray ships a copy to every node")
    with connected(asked.ray, ship=folder) as ray:
        cluster = RayCluster(ray, None, arguments, accelerator, say)
        cluster.look()
        yield cluster


def _arguments(asked: Asked) -> Sequence[str]:
    if asked.plan is not None and asked.plan.exists():
        return read_plan(asked.plan).arguments
    return asked.words


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y%m%d_%H%M%S")
