"""`joules ab`: blocks of both sides in turn until it is enough, then one report.

prepare two sides ─► block, block, ... in the order A B B A ─► merge by side ─► pair, judge, report
"""

from __future__ import annotations

import contextlib
import math
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from energy_fixtures.errors import JoulesError, ResultFileError
from energy_fixtures.units import duration, shortened
from reports.ab import keep
from reports.ab.blocks import Block, Interrupted, run_block
from reports.ab.git import state_of, undisturbed
from reports.ab.merge import Merged, merge
from reports.ab.order import Goal, Name, Stop, blocks_expected, next_block, seconds_left
from reports.ab.outcome import SIDES, Outcome, Spent, conclude, reportable
from reports.ab.question import Question
from reports.ab.sides import Revisions, Side, option_sides, revision_sides
from reports.policy import LEVEL

FAILED, AFTER_CTRL_C = 1, 130
MOST_LABEL = 40  # letters of a side's name in a line of progress


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of it.

    Attributes:
        outcome: None where no case has two valid trials on each side.
        failure: Why a side failed, with the end of its output.
        interrupted: Whether Ctrl-C ended it.
    """

    outcome: Outcome | None
    failure: str | None
    interrupted: bool

    @property
    def status(self) -> int:
        """Exit status: 0, 1 where B is worse than allowed or a side failed, 130 after Ctrl-C."""
        if self.interrupted:
            return AFTER_CTRL_C
        return FAILED if self.failure is not None or (self.outcome is not None and self.outcome.regressed) else 0


def answer(question: Question, say: Callable[[str], None], level: float = LEVEL) -> Answer:
    """Measure both sides in turn and compare them. What was started or checked out for it is gone afterwards.

    Args:
        question: What is asked.
        say: Told one line per step.
        level: Confidence of every interval, in (0, 1).

    Raises:
        ConfigurationError: A revision, a folder or pytest's arguments do not exist, or no case is selected.
        JoulesError: git, the setup or a result file fails.
        KeyboardInterrupt: Ctrl-C before the first block.
    """
    scratch = Path(tempfile.mkdtemp(prefix="joules-ab-"))
    with contextlib.ExitStack() as stack:
        stack.callback(_clear, scratch)
        stack.enter_context(_ended_politely())
        sides, how, still = _prepare(question, scratch, say, stack)
        began_s = time.monotonic()
        blocks, end = _measure(question.goal, sides, scratch, say)
        took_s = time.monotonic() - began_s
        merged = (_merged(blocks, "A"), _merged(blocks, "B"))
        unsaved = _save(question.save, merged, blocks, say)
        outcome = None
        if reportable(merged):
            spent = Spent(
                order="".join(block.side for block in blocks),
                rounds=question.goal.rounds,
                took_s=took_s,
                energy_j=math.fsum(block.energy_j for block in blocks),
                stopped=end.why,
            )
            outcome = conclude(
                merged,
                labels=(sides[0].label, sides[1].label),
                how=how,
                spent=spent,
                limits=question.limits,
                level=level,
                by_options=question.options is not None,
                notes=still(),
            )
        return Answer(
            outcome=outcome, failure=end.failure or unsaved or _no_answer(outcome, end), interrupted=end.interrupted
        )


@dataclass(frozen=True, kw_only=True)
class _End:
    """Why no further block was run: None when every case has its rounds."""

    why: str | None
    failure: str | None = None
    interrupted: bool = False


def _prepare(
    question: Question, scratch: Path, say: Callable[[str], None], stack: contextlib.ExitStack
) -> tuple[tuple[Side, Side], str, Callable[[], list[str]]]:
    """Both sides, what they have in common, and what tells afterwards whether the user's checkout stayed as it was."""
    if question.options is not None:
        how = "the same checkout and environment, other options"
        return option_sides(question.folder, question.arguments, question.options), how, list
    assert question.base is not None  # asked() gives options where there is no base
    revisions = Revisions.named(question.folder, question.base, question.head)
    sides = stack.enter_context(
        revision_sides(revisions, question.folder, question.arguments, question.setup, scratch, say)
    )
    how = "code from each checkout, first on PYTHONPATH; the installed packages are the same on both sides"
    if question.setup is not None:
        how = f"an environment each, set up by `{question.setup}`; what it does not bring is this environment's"
    if question.head is not None:
        return sides, how, list
    before = state_of(revisions.top)

    def still() -> list[str]:
        edited = state_of(revisions.top) != before
        return ["this checkout was changed while it was measured: B is no one state of it"] if edited else []

    return sides, how, still


def _measure(
    goal: Goal, sides: tuple[Side, Side], scratch: Path, say: Callable[[str], None]
) -> tuple[list[Block], _End]:
    """Blocks in turn until it is enough, a test fails or somebody interrupts."""
    by_name = {side.name: side for side in sides}
    blocks: list[Block] = []
    while True:
        done = [block.done for block in blocks]
        step = next_block(goal, done)
        if isinstance(step, Stop):
            return blocks, _End(why=step.why)
        side = by_name[step]
        left_s = seconds_left(goal, done)
        left = "" if left_s is None else f" · about {duration(left_s)} left"
        count = f"block {len(done) + 1} of {max(blocks_expected(goal, done), len(done) + 1)}"
        say(f"{count} · {side.name} {shortened(side.label, MOST_LABEL)}{left}")
        try:
            block = run_block(side, len(blocks), goal.block_rounds, scratch)
        except Interrupted as cut:
            return [*blocks, cut.block], _End(why="it was interrupted", interrupted=True)
        except JoulesError as error:
            if len(blocks) < 2:  # wrong from the start, and nothing is lost
                raise
            return blocks, _End(why=f"side {side.name} no longer runs", failure=str(error))
        blocks.append(block)
        if block.failure is not None:
            return blocks, _End(why=f"a test of side {side.name} failed", failure=block.failure)


def _merged(blocks: Sequence[Block], side: Name) -> Merged:
    return merge([block.run for block in blocks if block.side == side and block.run is not None])


def _save(
    folder: Path | None, merged: tuple[Merged, Merged], blocks: Sequence[Block], say: Callable[[str], None]
) -> str | None:
    """Keep each side that has results, with machine and commit as its first block told them; why that failed, or None."""
    for name, side, file in zip(SIDES, merged, keep.FILES, strict=True):
        if folder is not None and side.run.results:
            first = next(block for block in blocks if block.side == name and block.run is not None)
            try:
                say(f"saved in {keep.keep(side.run, first.file, folder / file)}")
            except ResultFileError as error:  # the report is still to come
                return str(error)
    return None


def _no_answer(outcome: Outcome | None, end: _End) -> str | None:
    if outcome is not None:
        return None
    remedy = "" if end.interrupted else "; give more rounds or more time"
    return f"nothing to report, no case has two valid trials on each side ({end.why}){remedy}"


def _clear(scratch: Path) -> None:
    with undisturbed():
        shutil.rmtree(scratch, ignore_errors=True)


@contextlib.contextmanager
def _ended_politely() -> Iterator[None]:
    """SIGTERM and SIGHUP end it as Ctrl-C does, so that worktrees and sessions are cleared away then too."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ends = (signal.SIGTERM, signal.SIGHUP)
    numbers = [number for number in ends if signal.getsignal(number) != signal.SIG_IGN]  # nohup means it
    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler or signal.SIG_DFL)
