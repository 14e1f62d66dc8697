"""Blocks of one side as one Run, and how far it moved."""

from __future__ import annotations

import msgspec
import pytest

from reports.ab.merge import drift, merge, metered_j


def test_trials_are_joined_and_numbered(case, run_of, as_json):
    """Trials of all blocks follow each other with new numbers; everything else of them is as it was measured."""
    runs = [run_of(case("b1", [1.0, 1.1])), run_of(case("b1", [1.2, 1.3, 1.4]))]
    merged = merge(runs)
    (result,) = merged.run.results
    raw = [trial for run in runs for trial in run.results[0].trials]

    assert [trial.index for trial in result.trials] == [0, 1, 2, 3, 4]
    assert [as_json(trial.reading) for trial in result.trials] == [as_json(trial.reading) for trial in raw]
    assert merged.sizes == {result.fullname: (2, 3)}
    assert merged.notes == ()


def test_one_block_is_itself(case, run_of):
    """A side of one block is that block."""
    run = run_of(case("b1", [1.0, 1.1]), case("b2", [2.0, 2.1]))
    assert merge([run]).run == run


def test_a_case_that_comes_late_is_kept(case, run_of):
    """Cases are those of all blocks, in order of appearance."""
    merged = merge([run_of(case("b1", [1.0])), run_of(case("b1", [1.0]), case("b2", [2.0]))])
    assert [result.case for result in merged.run.results] == ["b1", "b2"]
    assert list(merged.sizes.values()) == [(1, 1), (1,)]


def test_a_block_on_another_board_is_left_out_and_said(case, run_of, environment):
    """Trials that may not be compared with the first block's are no repetition of it."""
    board = {"name": "NVIDIA H200", "uuid": "GPU-1", "power_limit_w": 500.0}
    other = environment(boards=(board,))
    changed = msgspec.structs.replace(case("b1", [9.0]), environment=other.key)
    merged = merge([run_of(case("b1", [1.0])), run_of(changed, where=other), run_of(case("b1", [1.1]))])

    assert len(merged.run.results[0].trials) == 2
    (note,) = merged.notes
    assert note == "block 2 is left out where it is no repetition: board power_limit_w 700.0 against 500.0"
    assert list(merged.run.environments) == [environment().key]


def test_other_work_is_left_out_and_said(case, run_of):
    """A block whose Scenario was edited meanwhile does not count."""
    merged = merge([run_of(case("b1", [1.0])), run_of(case("b1", [1.0], output_tokens=20))])
    assert merged.notes == ("block 2 is left out where it is no repetition: output_tokens 10 against 20",)


def test_what_may_differ_is_noted_and_kept(case, run_of, environment):
    """Another version of a package from block to block is said; its trials count."""
    newer = environment(packages={"torch": "2.14.0"})
    again = msgspec.structs.replace(case("b1", [1.1]), environment=newer.key)
    merged = merge([run_of(case("b1", [1.0])), run_of(again, where=newer)])
    assert len(merged.run.results[0].trials) == 2
    assert merged.notes == ("block 2: torch 2.13.0 against 2.14.0",)


def test_idle_power_is_the_mean_over_blocks(case, run_of):
    """Power at rest, measured anew in each session, is averaged where every block knows it."""
    quiet, loud = ({"gpu:0": watts, **more} for watts, more in ((60.0, {}), (70.0, {"cpu:0": 5.0})))
    blocks = [run_of(msgspec.structs.replace(case("b1", [1.0]), idle_w=idle)) for idle in (quiet, loud)]
    assert merge(blocks).run.results[0].idle_w == {"gpu:0": 65.0}


def test_drift_is_last_block_over_first(case, side):
    """From blocks of 1.0, 5.0 and 1.1 J/token the side drifted by a tenth; what lay between does not count."""
    moved = drift(side([case("b1", [0.9, 1.1])], [case("b1", [5.0])], [case("b1", [1.1])]))
    assert moved is not None
    assert moved.middle == pytest.approx(1.1)


def test_drift_names_the_case_that_moved_most(case, side):
    """The median stands for all cases, and the farthest one is named."""
    first = [case("b1", [1.0]), case("b2", [1.0]), case("b4", [1.0])]
    moved = drift(side(first, [case("b1", [1.01]), case("b2", [1.02]), case("b4", [0.5])]))
    assert moved is not None
    assert (moved.middle, moved.farthest, moved.case, moved.cases) == (pytest.approx(1.01), 0.5, "b4", 3)


def test_one_block_has_no_drift(case, side):
    """A side that was measured once cannot say how it moves."""
    assert drift(side([case("b1", [1.0, 1.1])])) is None


def test_joules_spent_count_invalid_windows(case, run_of):
    """What an invalid window metered was spent as well."""
    run = run_of(case("b1", [1.0, 2.0], invalid=[(), ("gpu_throttled",)]))
    assert metered_j([run, run]) == pytest.approx(2 * 30.0)
