from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.storage.location import Location, location_of
from energy_fixtures.storage.retention import UNFINISHED, Policy, Saved, going, remove, saved_runs
from energy_fixtures.store import Store

NOW = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)


def saved(
    number: int, machine: str = "m", branch: str | None = "dev", *, days: float = 100, whole: bool = True
) -> Saved:
    """A run that is so many days old; a greater number is newer among equals."""
    began = NOW - datetime.timedelta(days=days) + datetime.timedelta(seconds=number)
    return Saved(
        reference=f"{machine}/{number}",
        machine=machine,
        branch=branch,
        began=began,
        whole=whole,
        size=1,
        files=(f"{number}",),
    )


def left(runs: list[Saved], **policy: Any) -> list[str]:
    """What stays, in order."""
    given_policy = Policy(**{"last": None, "days": None, "branches": ("main",), **policy})
    gone = {run.reference for run in going(runs, given_policy, NOW)}
    return [run.reference for run in runs if run.reference not in gone]


def test_the_newest_of_each_machine_stay() -> None:
    """Two of each: the older ones go, whatever their branch."""
    runs = [saved(number, machine) for number in range(4) for machine in ("a", "b")]
    assert left(runs, last=2) == ["a/2", "b/2", "a/3", "b/3"]


def test_a_baseline_branch_keeps_its_own() -> None:
    """Busy branches do not push a baseline out; without a number one of it stays."""
    runs = [saved(0, branch="main"), saved(1, branch="main"), *(saved(number) for number in range(2, 9))]
    assert left(runs, last=2) == ["m/0", "m/1", "m/7", "m/8"]
    assert left(runs, days=1) == ["m/1"]


def test_young_runs_and_those_that_may_be_running_stay() -> None:
    """By age, and while a session that has not ended may still send more."""
    running = UNFINISHED.days - 1
    runs = [saved(0), saved(1, whole=False), saved(2, days=running, whole=False), saved(3, days=running)]
    assert left(runs, days=2) == ["m/2"]
    assert left(runs, days=30) == ["m/2", "m/3"]


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from(["main", "dev", None]), st.floats(0, 400), st.booleans())
    ),
    st.integers(1, 5) | st.none(),
    st.floats(0, 400) | st.none(),
)
def test_no_policy_removes_the_last_run_of_a_baseline(
    facts: list[tuple[str, str | None, float, bool]], last: int | None, days: float | None
) -> None:
    """Whatever is there and asked for, each machine that has a run of the baseline branch keeps one, and a stricter policy less."""
    runs = [
        saved(number, machine, branch, days=age, whole=whole)
        for number, (machine, branch, age, whole) in enumerate(facts)
    ]
    runs.sort(key=lambda run: run.began)
    if last is None and days is None:
        with pytest.raises(ConfigurationError, match="keep-last"):
            left(runs)
        return
    stay = left(runs, last=last, days=days)
    baselines = {run.machine for run in runs if run.branch == "main"}
    assert baselines <= {run.machine for run in runs if run.branch == "main" and run.reference in stay}
    assert set(stay) <= set(left(runs, last=(last or 0) + 1, days=days))


def test_a_shared_stores_runs_go_whole(local_url: Location, save: Any) -> None:
    """All groups of a run go, and only its own."""
    save(local_url, ("a", "vllm"), "b")
    save(local_url, "c", branch="dev")
    runs = saved_runs(local_url)
    assert sorted((run.branch, len(run.files), run.whole) for run in runs) == [("dev", 1, True), ("main", 2, True)]
    remove(local_url, [run for run in runs if run.branch == "main"])
    assert [run.branch for run in saved_runs(local_url)] == ["dev"]


def test_a_folder_keeps_journals_and_foreign_files(tmp_path: Any, result: Any, environment: Any, head: Any) -> None:
    """Of a folder only whole result files of ours are runs; a journal that is being written stays."""
    store = Store(tmp_path, "m")
    for _ in range(2):
        writer = store.begin("x", head())
        writer.append(result(), environment(), None)
        writer.close()
    running = store.begin("x", head())
    (store.folder / "0009_foreign.json").write_text("{}")
    runs = saved_runs(location_of(str(tmp_path)))
    assert [run.reference for run in runs] == ["m/0001_x", "m/0002_x"] and runs[0].branch == "main"
    remove(location_of(str(tmp_path)), runs)
    assert sorted(path.name for path in store.folder.glob("[0-9]*")) == ["0003_x.jsonl", "0009_foreign.json"]
    running.close()
