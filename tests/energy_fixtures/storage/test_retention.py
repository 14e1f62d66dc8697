from __future__ import annotations

import datetime
import os
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.storage.index import open_index
from energy_fixtures.storage.location import Location, location_of
from energy_fixtures.storage.names import parse
from energy_fixtures.storage.remote import Remote
from energy_fixtures.storage.retention import UNFINISHED, Policy, Saved, going, remove, saved_runs
from energy_fixtures.store import Store

NOW = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)


def saved(
    number: int,
    machine: str = "m",
    branch: str | None = "dev",
    *,
    days: float = 100,
    whole: bool = True,
    taken: datetime.datetime | None = None,
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
        taken=taken,
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


def test_a_clock_that_is_behind_makes_no_run_old() -> None:
    """A run is as young as the store took it; one that has not ended may be running still on such a machine."""
    now = NOW - datetime.timedelta(hours=1)
    runs = [saved(0, taken=now), saved(1, taken=now, whole=False), saved(2, taken=NOW - datetime.timedelta(days=50))]
    assert left(runs, days=2) == ["m/0", "m/1"]


def test_when_the_store_took_a_run_is_known(local_url: Location, save: Any) -> None:
    """The store's own time of the last object is told beside what the name says."""
    before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=5)
    save(local_url, ("a", "vllm"), "b")
    (run,) = saved_runs(local_url)
    assert run.taken is not None and before < run.taken < before + datetime.timedelta(minutes=1)


def test_a_group_that_was_sent_twice_goes_whole(local_url: Location, save: Any) -> None:
    """Of two objects of one group one is read, and both go with their run."""
    save(local_url, "a")
    store = Remote(local_url)
    (one,) = store.list()
    parsed = parse("m", one.name.partition("/")[2])
    assert parsed is not None
    store.write(f"m/{replace(parsed, last=False).holding(b'less').file}", b"less")
    (run,) = saved_runs(local_url)
    assert (len(run.files), len(run.spare), run.whole) == (1, 1, True)
    remove(local_url, [run])
    assert store.list() == []


def test_a_pipe_is_passed_over(tmp_path: Any, result: Any, environment: Any, head: Any) -> None:
    """A pipe with the name of a run keeps neither the list, nor pruning, nor the index waiting."""
    store = Store(tmp_path, "m")
    writer = store.begin("x", head())
    writer.append(result(), environment(), None)
    writer.close()
    os.mkfifo(store.folder / "0002_x.json")
    assert [run.reference for run in saved_runs(location_of(str(tmp_path)))] == ["m/0001_x"]
    assert open_index(location_of(str(tmp_path)))["run"].unique().to_list() == ["m/0001_x"]
