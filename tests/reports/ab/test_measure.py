"""Blocks in turn: what ends them, and what is not lost then."""

from __future__ import annotations

from pathlib import Path

import pytest

from energy_fixtures.errors import ConfigurationError
from reports.ab import command
from reports.ab.blocks import Block, Interrupted
from reports.ab.order import Goal, side_of
from reports.ab.question import asked
from reports.ab.sides import option_sides

GOAL = Goal(rounds=6, block_rounds=2)


@pytest.fixture
def measure(monkeypatch, tmp_path, case, run_of):
    """Run blocks of two trials each; `events` says what happens in which block instead of its end."""

    def run(events):
        def block_of(side, index, block_rounds, scratch):
            run = run_of(case("b1", [1.0, 1.01]))
            failure = events.get(index) if isinstance(events.get(index), str) else None
            block = Block(side=side.name, run=run, file=Path("x"), took_s=1.0, failure=failure)
            if events.get(index) is KeyboardInterrupt:
                raise Interrupted(block)
            if isinstance(events.get(index), Exception):
                raise events[index]
            return block

        monkeypatch.setattr(command, "run_block", block_of)
        said: list[str] = []
        blocks, end = command._measure(GOAL, option_sides(tmp_path, [], ("-v", "")), tmp_path, said.append)
        return "".join(block.side for block in blocks), end, said

    return run


def test_in_order_until_it_is_enough(measure):
    """Six rounds of two a block are A B B A A B, each told with the time that is left."""
    order, end, said = measure({})
    assert (order, end.why, end.failure) == ("ABBAAB", None, None)
    assert said[0] == "block 1 of 6 · A -v"
    assert said[3] == "block 4 of 6 · A -v · about 3.0 s left"


@pytest.mark.parametrize("index", range(6))
def test_a_failure_ends_it_and_what_was_measured_stays(measure, index):
    """A failing test in any block is the last thing that runs, and its block counts with the others."""
    order, end, _ = measure({index: "a test failed"})
    assert order == "ABBAAB"[: index + 1]
    assert (end.failure, end.why) == ("a test failed", f"a test of side {side_of(index)} failed")


def test_an_interruption_keeps_what_the_block_had_finished(measure):
    """Cases that were finished before Ctrl-C count."""
    order, end, _ = measure({2: KeyboardInterrupt})
    assert (order, end.interrupted) == ("ABB", True)


@pytest.mark.parametrize("index", [0, 1])
def test_what_is_wrong_from_the_start_is_wrong_use(measure, index):
    """A side that cannot run its first block has nothing to report."""
    with pytest.raises(ConfigurationError, match="selects no case"):
        measure({index: ConfigurationError("selects no case")})


def test_a_side_that_no_longer_runs_loses_nothing(measure):
    """When somebody breaks the checkout in the middle, the blocks before are reported."""
    order, end, _ = measure({3: ConfigurationError("pytest refuses the arguments")})
    assert (order, end.why) == ("ABB", "side A no longer runs")
    assert end.failure == "pytest refuses the arguments"


def test_the_status_of_an_answer():
    """0 when all is well, 1 after a failure, 130 after Ctrl-C whatever else happened."""
    make = command.Answer
    assert make(outcome=None, failure=None, interrupted=False).status == 0
    assert make(outcome=None, failure="x", interrupted=False).status == 1
    assert make(outcome=None, failure="x", interrupted=True).status == 130


def test_a_question_takes_the_defaults(tmp_path):
    """One of --a and --b may be left out: that side gets no further words."""
    question = asked(
        arguments=["x"],
        folder=tmp_path,
        revisions=(None, None, None),
        options=(None, "-v"),
        goal=(6, None, None),
        limits=["mean:5%", "mean:5%"],
        save=None,
        output=None,
    )
    assert question.options == ("", "-v")
    assert [limit.expression for limit in question.limits] == ["mean:5%"]
