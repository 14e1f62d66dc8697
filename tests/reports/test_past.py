"""Runs of a store with what they measured."""

from __future__ import annotations

import json

import msgspec
import pytest

from reports.past import COUNT, code_of, learnt_from, newest

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def kept(tmp_path, run_of):
    """Writes a run as the store does."""

    def write(name, *results, **commit):
        path = tmp_path / name
        path.write_bytes(msgspec.json.encode({"commit_info": commit, "benchmarks": [], "energy": run_of(*results)}))
        return path

    return write


@pytest.mark.parametrize(
    ("name", "commit", "code"),
    [
        ("0001_first.json", {"id": COMMIT, "dirty": False}, COMMIT),
        ("0001_first.json", {"id": COMMIT, "dirty": True}, None),  # edited: nobody knows what was measured
        ("0001_first.json", {"id": "unversioned", "dirty": False}, None),
        ("0001_first.json", {"id": "unknown", "dirty": False, "error": "no git"}, None),
        ("0001_first.json", {}, None),
        ("0007_calibrate_0badcafe.json", {"id": COMMIT, "dirty": True}, "calibrate_0badcafe"),
        ("0007_calibrate.json", {"id": COMMIT, "dirty": True}, None),
    ],
)
def test_what_a_run_measured(kept, case, name, commit, code):
    """A clean commit or one calibration names the code; an edited checkout, or none, does not."""
    assert code_of(kept(name, case("b1", [1.0, 1.0]), **commit)) == code


def test_a_foreign_file_measured_nothing_that_is_known(tmp_path):
    """What is no JSON, or is not there, has no code."""
    (tmp_path / "0001_x.json").write_text("{")
    assert code_of(tmp_path / "0001_x.json") is None
    assert code_of(tmp_path / "0002_x.json") is None


def test_days_and_commits_are_told_apart(kept, case):
    """A store of two runs a commit, the second commit twice as dear: its days are what the pairs of one commit differ by."""
    levels = {"a" * 40: (1.0, 1.02), "b" * 40: (2.0, 2.02)}
    paths = [
        kept(f"{number:04d}_x.json", case("b1", [level] * 2), id=commit, dirty=False)
        for number, (commit, level) in enumerate(
            ((commit, level) for commit, both in levels.items() for level in both), 1
        )
    ]
    learnt = learnt_from(paths)
    assert (learnt.sessions, learnt.across) == (2, 0)
    assert learnt.deviation < 0.012


def test_only_the_newest_are_read_and_broken_ones_passed_over(kept, case, tmp_path):
    """The newest COUNT runs that can be read, oldest first; large ones are left out when asked."""
    paths = [kept(f"{number:04d}_x.json", case(f"b{number}", [1.0, 1.0])) for number in range(COUNT + 3)]
    paths[-1].write_text(json.dumps({"benchmarks": []}))
    paths.append(tmp_path / "9999_gone.json")
    found = newest(paths)
    assert [one.run.results[0].case for one in found] == [f"b{number}" for number in range(2, COUNT + 2)]
    assert newest(paths, most_bytes=1) == []
