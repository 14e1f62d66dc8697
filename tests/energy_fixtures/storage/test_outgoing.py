from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from energy_fixtures import store
from energy_fixtures.storage.location import Location, location_of
from energy_fixtures.storage.outgoing import OutgoingRun
from energy_fixtures.storage.remote import Remote, StoreError
from energy_fixtures.storage.shared_store import SharedStore
from energy_fixtures.storage.spool import Spool, spools
from energy_fixtures.storage.superseded import remove_superseded
from energy_fixtures.store import read_run
from energy_fixtures.timing import entry_of

ROOT = Path(__file__).parents[3]


def cases_at(location: Location) -> dict[str, list[str]]:
    """Cases by run, of every run of a store, as its readers see them."""
    told = SharedStore(location)
    return {run.reference: [result.case for result in read_run(told.fetch(run)).results] for run in told.listed()}


def test_groups_are_objects_of_their_own_and_one_run(local_url: Location, save: Any) -> None:
    """Cases of one engine load are one object, plain functions another; together they are the run, whole."""
    run = save(local_url, ("a", "vllm"), ("b", "vllm"), ("c", "transformers"), "plain")
    (listed,) = SharedStore(local_url).listed()
    assert [part.name.group for part in listed.parts] == [1, 2, 3] and listed.whole
    assert run.reference == f"{local_url}/{listed.reference}"
    assert cases_at(local_url) == {listed.reference: ["a", "b", "c", "plain"]}
    assert Spool(local_url).waiting() == []


def test_a_downloaded_object_is_a_whole_result_file(local_url: Location, save: Any, tmp_path: Path) -> None:
    """Each object by itself is what `joules compare` and pytest-benchmark read."""
    save(local_url, ("a", "vllm"), "plain")
    files = sorted((tmp_path / "shared").glob("*/*.json"))
    assert [[result.case for result in read_run(file).results] for file in files] == [["a"], ["plain"]]
    assert all(b'"benchmarks"' in file.read_bytes() for file in files)


def test_a_group_is_sent_when_its_engine_has_ended_and_not_before(
    s3: Any, shared: Location, make: Any, head: Any
) -> None:
    """Finishing a case asks nothing of the store; the end of its engine's load does."""
    run = OutgoingRun(shared, "m", head())
    run.open()
    before = len(s3.seen)
    kept, where = make("a", "vllm")
    run.keep(kept, where, entry_of(kept))
    run.send(ended=False)
    assert len(s3.seen) == before
    run.send(ended=True)
    assert len(s3.asked("PUT")) == 1
    run.close()
    assert len(s3.asked("PUT")) == 2  # it holds no case, and says that the run is whole
    (listed,) = SharedStore(shared).listed()
    assert listed.whole and list(cases_at(shared).values()) == [["a"]]


def test_what_cannot_be_sent_waits_and_goes_with_the_next_session(s3: Any, shared: Location, save: Any) -> None:
    """A store that fails loses nothing: the sentence says what waits, and the next session sends it before its own."""
    s3.rule = lambda method, path: "500" if method == "PUT" else None
    failed = save(shared, "a", "b")
    assert failed.problem is not None and "1 file waits on this machine" in failed.problem
    assert cases_at(shared) == {} and len(Spool(shared).waiting()) == 1
    s3.rule = lambda method, path: None
    assert save(shared, "c").problem is None
    assert sorted(cases_at(shared).values()) == [["a", "b"], ["c"]]
    assert Spool(shared).waiting() == []


def test_an_answer_that_was_lost_does_not_store_twice(
    s3: Any, shared: Location, save: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store took it and its answer was lost: the second sending has the same name."""
    s3.rule = lambda method, path: "lose" if method == "PUT" else None
    assert save(shared, "a").problem is not None
    s3.rule = lambda method, path: None
    (spool,) = spools()
    assert spool.send(Remote(shared)).waiting == 0
    assert list(cases_at(shared).values()) == [["a"]]
    assert len(Remote(shared).list()) == 1


def test_a_store_that_keeps_half_is_sent_the_whole_again(s3: Any, shared: Location, save: Any) -> None:
    """What arrived as half of it waits still, is passed over by readers, and is mended by the next sending."""
    s3.rule = lambda method, path: "half" if method == "PUT" else None
    assert save(shared, "a").problem is not None
    s3.rule = lambda method, path: None
    said: list[str] = []
    told = SharedStore(shared, say=said.append)
    with pytest.raises(store.ResultFileError, match="holds no group that can be read"):
        told.fetch(told.listed()[0])
    assert "was not written whole" in said[0]
    assert Spool(shared).send(Remote(shared)).waiting == 0
    assert list(cases_at(shared).values()) == [["a"]]


def test_a_full_disk_does_not_stop_the_measuring(
    local_url: Location, make: Any, head: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal that cannot be begun is begun with a later case, which then brings all before it."""
    run = OutgoingRun(local_url, "m", head())
    begin = Spool.begin

    def full(*args: object) -> None:
        raise store.ConfigurationError("no space left")

    cases = [make("a", "vllm"), make("b", "transformers"), make("c", "transformers")]
    for number, (kept, where) in enumerate(cases):
        monkeypatch.setattr(Spool, "begin", full if number == 1 else begin)
        run.keep(kept, where, entry_of(kept))
    run.close()
    assert run.problem is None
    assert list(cases_at(local_url).values()) == [["a", "b", "c"]]


def test_a_session_that_was_cut_off_says_so(local_url: Location, make: Any, head: Any) -> None:
    """Its cases are there, and the run is not whole."""
    run = OutgoingRun(local_url, "m", head())
    kept, where = make("a")
    run.keep(kept, where, entry_of(kept))
    run.close(unfinished=True)
    (listed,) = SharedStore(local_url).listed()
    assert not listed.whole and list(cases_at(local_url).values()) == [["a"]]
    assert read_run(SharedStore(local_url).fetch(listed)).unfinished is not None


def _session(url: str, name: str, groups: int, source: str, kill_after: int | None) -> None:
    """One writer in a process of its own: cases copied from a file, one group each."""
    run_of = read_run(Path(source))
    first = run_of.results[0]
    where = run_of.environments[first.environment]
    told = store.Head(machine_info={}, commit_info={"id": "abc", "branch": "main"}, datetime="", version="5")
    run = OutgoingRun(location_of(url), name, told)
    run.open()
    for group in range(groups):
        kept = store.msgspec.structs.replace(first, case=f"{name}-{group}", fullname=f"test_x[{name}-{group}]")
        run.keep(kept, where, entry_of(kept))
        if group == kill_after:
            os._exit(9)
        run.send(ended=True)
    run.close()


def _source(save: Any, tmp_path: Path) -> Path:
    place = location_of(f"file://{tmp_path}/source")
    save(place, "a")
    return next((tmp_path / "source").glob("*/*.json"))


def test_a_killed_sessions_cases_are_sent_by_the_next(save: Any, local_url: Location, tmp_path: Path) -> None:
    """After kill -9 the finished case is in the journal here; the next session makes it a document and sends it."""
    source = _source(save, tmp_path)
    writer = multiprocessing.get_context("fork").Process(
        target=_session, args=(str(local_url), "killed", 3, str(source), 1)
    )
    writer.start()
    writer.join(30)
    assert writer.exitcode == 9
    assert list(cases_at(local_url).values()) == [["killed-0"]]
    said = OutgoingRun(local_url, "next", store.Head(machine_info={}, commit_info={}, datetime="", version="5")).open()
    assert any("cut off" in line for line in said)
    assert list(cases_at(local_url).values()) == [["killed-0", "killed-1"]]


def test_many_writers_at_once_lose_nothing_and_double_nothing(
    s3: Any, shared: Location, save: Any, tmp_path: Path
) -> None:
    """Three processes write to one place while every fifth request fails: all their groups are there, each once."""
    source, count = _source(save, tmp_path), iter(range(10_000))
    s3.rule = lambda method, path: ("500" if next(count) % 5 == 4 else None) if method == "PUT" else None
    script = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_outgoing as t; " + (
        "t._session(sys.argv[1], sys.argv[2], 4, sys.argv[3], None)"
    )
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(shared), f"w{number}", str(source)],
            env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / f"cache-{number}")},
        )
        for number in range(3)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    s3.rule = lambda method, path: None
    for number in range(3):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_CACHE_HOME", str(tmp_path / f"cache-{number}"))
            assert Spool(shared).send(Remote(shared)).waiting == 0
    found = {reference.partition("/")[0]: cases for reference, cases in cases_at(shared).items()}
    assert found == {f"w{number}": [f"w{number}-{group}" for group in range(4)] for number in range(3)}


def test_a_file_that_cannot_be_read_keeps_no_other_waiting(
    local_url: Location, save: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies before it and behind it is sent; it stays, with the reason."""
    spool = Spool(local_url)
    with monkeypatch.context() as away:
        away.setattr(Remote, "write", _away)
        for case in "abc":
            save(local_url, case)
    waiting = spool.waiting()
    assert len(waiting) == 3
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path == waiting[0]:
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    sent = spool.send(Remote(local_url))
    assert (sent.sent, sent.waiting) == (2, 1) and sent.reason is not None and "Permission denied" in sent.reason
    assert spool.waiting() == waiting[:1]


def _away(self: Remote, name: str, content: bytes) -> None:
    raise StoreError("the store is away")


def test_a_foreign_file_does_not_wait_to_be_sent(s3: Any, shared: Location, head: Any) -> None:
    """A file of somebody else's in the spool stays, and the store is looked at as if it were not there."""
    spool = Spool(shared)
    (spool.folder / "m").mkdir()
    (spool.folder / "m" / "notes.json").write_text("mine")
    assert spool.waiting() == []
    s3.rule = lambda method, path: "500"
    (said,) = OutgoingRun(shared, "m", head()).open()
    assert "results are kept on this machine" in said and (spool.folder / "m" / "notes.json").exists()


def test_a_damaged_journal_is_told_and_kept(local_url: Location, head: Any) -> None:
    """What an earlier session left and nobody can read stays on this machine, and the header says where."""
    spool = Spool(local_url)
    (spool.folder / "m").mkdir()
    (spool.folder / "m" / "0001_x.jsonl").write_text("?\n")
    (said,) = OutgoingRun(local_url, "m", head()).open()
    assert said.endswith("0001_x.jsonl.unreadable") and (spool.folder / "m" / "0001_x.jsonl.unreadable").exists()


def test_a_run_that_was_gone_on_from_goes(local_url: Location, save: Any, make: Any, head: Any) -> None:
    """Of runs that were cut off, one whose results are all in a new run is removed; others, and whole ones, stay."""

    def cut_off(*cases: str) -> OutgoingRun:
        run = OutgoingRun(local_url, "m", head())
        for case in cases:
            kept, where = make(case)
            run.keep(kept, where, entry_of(kept))
        run.close(unfinished=True)
        return run

    first, other, new = cut_off("a", "b"), cut_off("a", "z"), save(local_url, "a", "b", "c")
    whole = save(local_url, "b")
    results = [make(case)[0] for case in "abc"]
    said: list[str] = []
    assert remove_superseded(local_url, "m", new.reference, results, said.append) == [first.reference]
    left = {f"{local_url}/{run.reference}" for run in SharedStore(local_url).listed()}
    assert left == {other.reference, new.reference, whole.reference} and said == []
