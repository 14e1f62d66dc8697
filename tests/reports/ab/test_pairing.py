"""Which case belongs to which when the sides differ by options."""

from __future__ import annotations

import msgspec

from energy_fixtures.records import Decoding
from reports.ab.pairing import align
from reports.comparison import Baseline, State


def states(base, candidate):
    """State and partner's joules of each case of the candidate, by its name."""
    aligned = align(base, candidate)
    baseline = Baseline("A", aligned.run)
    pairs = [baseline.pair(new, candidate.environments[new.environment]) for new in candidate.results]
    return {pair.candidate.case: pair for pair in pairs}, aligned.notes


def test_equal_sides_are_paired_and_nothing_is_ignored(case, run_of):
    """Where the options change neither names nor work, pairing is as always."""
    run = run_of(case("b1", [1.0]), case("b2", [2.0]))
    pairs, notes = states(run, run)
    assert [pair.state for pair in pairs.values()] == [State.COMPARED, State.COMPARED]
    assert notes == ()


def test_another_model_under_the_same_name(case, run_of, environment):
    """Of one full name the Scenario may differ in what the options change; the fields and engine facts are said."""
    there = environment(engine={"device": "cuda", "dtype": "float32", "weights": "dummy", "parameters": 7})
    moe = msgspec.structs.replace(case("b1", [2.0], model="tiny-moe"), environment=there.key)
    pairs, notes = states(run_of(case("b1", [1.0])), run_of(moe, where=there))
    assert pairs["b1"].state is State.COMPARED
    assert pairs["b1"].baseline is not None and pairs["b1"].baseline.trials[0].reading.energy_j == {"gpu:0": 10.0}
    assert notes[0] == "model tiny against tiny-moe"
    assert any("parameters" in note for note in notes)


def test_other_names_are_paired_by_the_rest_of_the_scenario(case, run_of):
    """Greedy and beam cases of the same batch sizes find each other: decoding is what differs between the sides."""
    base = run_of(case("greedy-b1", [1.0]), case("greedy-b8", [8.0], batch_size=8))
    beam = {"decoding": Decoding.beam(4)}
    candidate = run_of(case("beam-b8", [9.0], batch_size=8, **beam), case("beam-b1", [2.0], **beam))
    pairs, notes = states(base, candidate)

    assert {name: pair.state for name, pair in pairs.items()} == {
        "beam-b8": State.COMPARED,
        "beam-b1": State.COMPARED,
    }
    assert [trial.reading.energy_j["gpu:0"] for pair in pairs.values() for trial in pair.baseline.trials] == [
        640.0,
        10.0,
    ]
    assert "decoding greedy against beam 4" in notes
    assert "case greedy-b1 against beam-b1 (1 of 2 cases)" in notes


def test_what_fits_twice_is_not_paired(case, run_of):
    """Two cases that differ only in what is ignored could both be the partner, so neither is."""
    base = run_of(case("greedy", [1.0]), case("sample", [1.5], decoding=Decoding.sample(top_k=5)))
    pairs, notes = states(base, run_of(case("beam", [2.0], decoding=Decoding.beam(4))))
    assert pairs["beam"].state is State.NEW
    assert notes == ()


def test_functions_are_paired_by_name_alone(result, run_of):
    """A plain function has no Scenario to be known by."""
    base, candidate = (result(f"test_{name}", scenario=None) for name in ("x", "y"))
    pairs, _ = states(run_of(base), run_of(candidate))
    assert pairs["test_y"].state is State.NEW


def test_another_meter_still_may_not_be_compared(case, run_of):
    """Only engine and work are ignored: joules obtained in another way stay incomparable."""
    pairs, _ = states(run_of(case("b1", [1.0], method="modelled")), run_of(case("b1", [1.0])))
    assert pairs["b1"].state is State.INCOMPARABLE
