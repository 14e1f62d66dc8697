from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.records import Run
from energy_fixtures.storage import remote, shared_store
from energy_fixtures.storage.listing import AHEAD, runs_of
from energy_fixtures.storage.location import Location
from energy_fixtures.storage.names import begin, parse
from energy_fixtures.storage.remote import Found, Remote
from energy_fixtures.storage.shared_store import SharedStore
from energy_fixtures.store import Store, read_run

NOW = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)


def found(machine: str, when: datetime.datetime, taken: datetime.datetime, *, group: int = 1, run: str = "a") -> Found:
    """An object of a run that is whole with this group."""
    name = replace(begin(machine, "abc", "main", dirty=False), when=when, run=run * 16, group=group, last=True)
    return Found(f"{machine}/{name.holding(b'x').file}", 1, "1", taken)


def cases(path: Path | None) -> list[str]:
    """Of a run's file."""
    assert path is not None
    return [result.case for result in read_run(path).results]


def test_a_clock_that_runs_ahead_hides_nobody() -> None:
    """A run from the future is as old as the store says, and is doubted; others are as old as they say."""
    hour = datetime.timedelta(hours=1)
    ahead = found("fast", NOW + 24 * hour, NOW, run="a")
    later = found("right", NOW + hour, NOW + hour, run="b")
    late = found("slow", NOW - 48 * hour, NOW + 3 * hour, run="c")  # kept on its machine for two days
    listed = runs_of([ahead, later, late])
    assert [run.name.machine for run in listed] == ["slow", "fast", "right"]
    assert [run.doubt is not None for run in listed] == [False, True, False]
    assert "1440 min ahead" in str(listed[1].doubt)
    assert runs_of([found("m", NOW + AHEAD, NOW)])[0].doubt is None


def test_a_group_that_is_there_twice_counts_once() -> None:
    """Of two objects of one group the one that ended the run counts, and a gap before it makes the run no whole one."""
    last = found("m", NOW, NOW, group=2)
    cut = last._replace(name=last.name.replace(".last", ""), size=99)
    (run,) = runs_of([cut, last])
    assert [part.found for part in run.parts] == [last] and not run.whole
    (run,) = runs_of(
        [found("m", NOW, NOW, group=1)._replace(name=found("m", NOW, NOW).name.replace(".last", "")), last]
    )
    assert run.whole


def test_a_reference_means_one_run_in_a_fixed_order(local_url: Location, save: Any) -> None:
    """The newest, the name or the digits of a run, a branch, a part of a name; anything else is told with what there is."""
    first = save(local_url, "a", branch="main", title="nightly")
    save(local_url, "b", branch="feature/x")
    save(local_url, "c", branch="maintenance", commit="feedface0000")
    told = SharedStore(local_url)
    assert SharedStore(local_url, "another").find("main") is None
    run = parse("m", f"{first.reference.rpartition('/')[2]}_0001.json")
    assert run is not None
    for reference in (
        run.run,
        first.reference.rpartition("/")[2],
        f"m/{first.reference.rpartition('/')[2]}",
        "nightly",
        "main",
    ):
        assert cases(told.find(reference)) == ["a"]
    assert cases(told.find("feature/x")) == ["b"]
    assert cases(told.find("feedface0000")) == ["c"]
    assert len(cases(told.find(None))) == 1
    with pytest.raises(ConfigurationError, match=r"no run in .* matches 'mian'.*its branches are: .*feature/x"):
        told.find("mian")


def test_one_name_on_several_machines_is_told(local_url: Location, save: Any) -> None:
    """A branch that several machines have runs of needs the machine; a session knows its own."""
    save(local_url, "a", machine="one")
    save(local_url, "b", machine="two")
    with pytest.raises(ConfigurationError, match="several machines; name one: one/main, two/main"):
        SharedStore(local_url).find("main", fits=lambda run: False)
    assert cases(SharedStore(local_url, "two").find("main")) == ["b"]


def test_of_a_branch_the_newest_that_fits_is_taken(local_url: Location, save: Any) -> None:
    """A newer run of another machine or meter is passed over; where none fits, the newest is, and will say why."""
    save(local_url, "a")
    save(local_url, "b")

    def has_a(run: Run) -> bool:
        return run.results[0].case == "a"

    newest = cases(SharedStore(local_url).find("main"))
    assert cases(SharedStore(local_url, "m").find("main", fits=has_a)) == ["a"]
    assert cases(SharedStore(local_url, "m").find("main", fits=lambda run: False)) == newest


def test_a_run_that_was_not_whole_comes_last(local_url: Location, save: Any, make: Any) -> None:
    """A run whose last group is missing is a baseline only where there is no other."""
    save(local_url, "whole")
    save(local_url, ("cut", "vllm"), "off")
    store = Remote(local_url)
    (last,) = [one.name for one in store.list() if "_0002.last" in one.name]
    store.delete([last])
    assert cases(SharedStore(local_url).find("main")) == ["whole"]
    (left,) = [one.name for one in store.list() if "_0001.last" in one.name]
    store.delete([left])
    assert cases(SharedStore(local_url).find("main")) == ["cut"]
    assert SharedStore(local_url).find(None, whole=True) is None


def test_a_half_written_group_is_passed_over_and_told(s3: Any, shared: Location, save: Any) -> None:
    """Bytes that are not what the name says are never read, also when they are JSON; the rest of the run is there."""
    save(shared, ("good", "vllm"), "broken")
    (stored,) = s3.data.glob(f"{shared.text[5:]}/m/*_0002.last.*.json")
    stored.write_bytes(stored.read_bytes().replace(b'"broken"', b'"brokem"'))
    said: list[str] = []
    told = SharedStore(shared, say=said.append)
    path = told.find("main")
    assert cases(path) == ["good"] and "_0002.last" in said[0] and "not written whole" in said[0]
    assert path is not None and read_run(path).unfinished is not None


def test_a_run_is_brought_here_once(s3: Any, shared: Location, save: Any) -> None:
    """A second look at a run asks the store for its list alone."""
    save(shared, ("a", "vllm"), "b")
    SharedStore(shared).find("main")
    before = len(s3.asked("GET"))
    assert cases(SharedStore(shared).find("main")) == ["a", "b"]
    assert len(s3.asked("GET")) == before + 1


def test_in_a_folder_a_branch_comes_before_a_part_of_a_name(
    tmp_path: Path, result: Any, environment: Any, head: Any
) -> None:
    """The name of a run is meant before a branch, and a branch before a part of a name."""
    store = Store(tmp_path, "m")
    for case, branch, tag in (("a", "main", "x"), ("b", "other", "main-like"), ("c", "dev", "y"), ("d", "dev", "z")):
        writer = store.begin(tag, head(branch=branch))
        writer.append(result(f"test_x[{case}]"), environment(), None)
        writer.close()
    assert cases(store.find("main")) == ["a"]
    assert cases(store.find("main-like")) == cases(store.find("main-")) == ["b"]
    assert cases(store.find("dev")) == ["d"]
    assert cases(store.find("dev", fits=lambda run: run.results[0].case == "c")) == ["c"]
    assert cases(store.find("dev", fits=lambda run: False)) == ["d"]
    with pytest.raises(ConfigurationError, match="no saved run matches 'mai'"):
        Store(tmp_path, "n").find("mai")


def test_a_name_a_branch_and_a_part_are_meant_in_that_order(
    local_url: Location, save: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`main` is a run of that name, else the branch, never a run called domain or a file in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main").write_text("no run")
    save(local_url, "a", branch="main")
    save(local_url, "b", branch="dev", title="domain")
    assert cases(SharedStore(local_url).find("main")) == ["a"]
    assert cases(SharedStore(local_url).find("domain")) == cases(SharedStore(local_url).find("omai")) == ["b"]
    save(local_url, "c", branch="feature/x", title="main")
    told = SharedStore(local_url)
    assert cases(told.find("main")) == cases(told.find("m/main")) == ["c"]
    assert cases(told.find("m/feature/x")) == cases(told.find("feature/x")) == ["c"]
    assert told.find("m/newest") == told.find(None)


def test_a_branch_without_a_run_that_fits_is_told_how_far_was_looked(
    local_url: Location, save: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of more runs than are brought here the older ones are not looked at, and a sentence says so."""
    monkeypatch.setattr(shared_store, "NEWEST_RUNS", 1)
    save(local_url, "a")
    said: list[str] = []
    SharedStore(local_url, say=said.append).find("main", fits=lambda run: False)
    assert said == []
    save(local_url, "b")
    SharedStore(local_url, say=said.append).find("main", fits=lambda run: False)
    assert said == ["none of the newest 1 runs of main may be compared with; older ones are not looked at"]


@pytest.mark.parametrize("machine", ["..", ".", "", "a_b", "a b", "~" * 61])
def test_a_folder_that_no_machine_has_is_none_of_ours(machine: str) -> None:
    """An object whose folder leads upwards, or is no word, is not taken for a run."""
    good = found("m", NOW, NOW)
    assert len(runs_of([good])) == 1
    assert runs_of([good._replace(name=f"{machine}/{good.name.partition('/')[2]}")]) == []


def test_an_object_that_is_too_large_is_not_asked_for(
    local_url: Location, save: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its size is known from the list: it is passed over with a sentence, and the rest of the run is there."""
    save(local_url, ("small", "vllm"), "b", "c", "d")
    sizes = sorted(one.size for one in Remote(local_url).list())
    monkeypatch.setattr(remote, "MOST_RESULT_BYTES", sizes[-1] - 1)
    monkeypatch.setattr(remote, "TOGETHER_BYTES", 1)
    said: list[str] = []
    assert cases(SharedStore(local_url, say=said.append).find("main")) == ["small"]
    assert len(said) == 1 and "holds more than the" in said[0]
