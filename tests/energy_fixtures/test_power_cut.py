"""Power is lost at any moment: what was acknowledged is on the disk, whichever of the rest happened to reach it."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from energy_fixtures.origin import Origin
from energy_fixtures.records import Result
from energy_fixtures.store import Head, Store, begin_file, read_run, recovered_beside
from energy_fixtures.timing import entry_of

HEAD = Head(
    machine_info={},
    commit_info={"id": "abc"},
    datetime="2026-01-01T00:00:00+00:00",
    version="5.3.1",
    origin=Origin(commit="abc"),
)


ARRIVES = ("nothing", "removals", "some")
"""What of all that was not made durable reached the disk by chance: the worst cases, and any."""


class PowerCut(Exception):
    """Nothing runs any more."""


class Disk:
    """What of a folder's files has been made durable: contents and names apart, as POSIX promises no more.

    `fsync` of a file keeps its content, of a folder the names in it. The power is cut before the call number `cut_at`.
    """

    def __init__(self, root: Path, cut_at: int | None) -> None:
        self._root = root
        self._cut_at = cut_at
        self._fsync = os.fsync
        self._contents: dict[int, bytes] = {}
        self._names: dict[Path, dict[str, int]] = {root: {}}
        self._held: list[int] = []  # so that no number of a file is given to another
        self.calls = 0

    def fsync(self, descriptor: int) -> None:
        """Stands for `os.fsync`."""
        if self.calls == self._cut_at:
            raise PowerCut
        self.calls += 1
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if path.is_dir():
            self._names[path] = self._listing(path)
        else:
            self._contents[os.fstat(descriptor).st_ino] = path.read_bytes()
            self._held.append(os.dup(descriptor))

    def after(self, target: Path, arrives: str) -> None:
        """Write what is there when the power is back: the durable state, and of everything later what arrives."""
        self._restore(self._root, target, arrives, random.Random(self.calls))
        for descriptor in self._held:
            os.close(descriptor)

    def _restore(self, folder: Path, target: Path, arrives: str, drawn: random.Random) -> None:
        target.mkdir()
        durable, now = self._names.get(folder, {}), self._listing(folder)
        for name in sorted({*durable, *now}):
            removed = durable.get(name) if name in now else None
            any_ = drawn.choice((durable.get(name), now.get(name)))
            inode = {"nothing": durable.get(name), "removals": removed, "some": any_}[arrives]
            if inode is None:
                continue
            if (folder / name).is_dir():
                self._restore(folder / name, target / name, arrives, drawn)
            else:
                content = self._content(folder / name, inode, drawn if arrives == "some" else None)
                (target / name).write_bytes(content)

    def _content(self, path: Path, inode: int, drawn: random.Random | None) -> bytes:
        durable = self._contents.get(inode, b"")
        if drawn is None:
            return durable
        now = path.read_bytes() if path.exists() and path.stat().st_ino == inode else durable
        if not now.startswith(durable):
            return drawn.choice((durable, now))
        return now[: drawn.randint(len(durable), len(now))]  # a line that was being written is torn

    @staticmethod
    def _listing(folder: Path) -> dict[str, int]:
        return {entry.name: entry.inode() for entry in os.scandir(folder)}


def storing(
    root: Path, work: Callable[[Path, list[Result]], None], monkeypatch: pytest.MonkeyPatch, cut_at: int | None
):
    """Do the work until the power is cut; the disk, and the results that were acknowledged."""
    root.mkdir()
    disk, acknowledged = Disk(root, cut_at), list[Result]()
    monkeypatch.setattr(os, "fsync", disk.fsync)
    try:
        work(root, acknowledged)
    except PowerCut:
        pass
    finally:
        monkeypatch.undo()
    return disk, acknowledged


@pytest.mark.parametrize("place", ["storage", "json"])
def test_no_acknowledged_result_is_lost(
    tmp_path: Path, result, environment, monkeypatch: pytest.MonkeyPatch, place: str
):
    """Before each fsync of a whole session the power is cut, with other losses each time: what was finished is found."""
    first = [result(f"test_x[{name}]") for name in "ab"]
    second = [*first, result("test_x[c]")]

    def session(root: Path, of: list[Result], acknowledged: list[Result]) -> None:
        writer = Store(root, "m").begin("abc", HEAD) if place == "storage" else begin_file(root / "out.json", HEAD)[0]
        for one in of:
            writer.append(one, environment(), entry_of(one))
            acknowledged.append(one)
        writer.close()

    def work(root: Path, acknowledged: list[Result]) -> None:
        session(root, first, acknowledged)
        acknowledged.clear()
        acknowledged.extend(first if place == "storage" else [])
        session(root, second, acknowledged)

    calls = storing(tmp_path / "whole", work, monkeypatch, None)[0].calls
    assert calls > 10
    for cut_at in range(calls + 1):
        for arrives in ARRIVES:
            name = f"{cut_at}-{arrives}"
            disk, acknowledged = storing(tmp_path / name, work, monkeypatch, cut_at)
            after = tmp_path / f"after-{name}"
            disk.after(after, arrives)
            assert set(map(repr, acknowledged)) <= set(map(repr, found_after(after, place))), name
            for folder in (tmp_path / name, after):
                shutil.rmtree(folder)


def found_after(root: Path, place: str) -> list[Result]:
    """What the next session finds in whole files and in those that it recovers."""
    if place == "storage":
        store = Store(root, "m")
        store.recover()
        paths = store.runs()
        assert not list(store.folder.glob("*.jsonl"))
    else:
        begin_file(root / "out.json", HEAD)[0].close()
        paths = [path for path in (root / "out.json", *recovered_beside(root / "out.json")) if path.exists()]
    return [one for path in paths for one in read_run(path).results]


def test_a_document_is_not_replaced_by_its_own_journal(tmp_path: Path, result, environment):
    """A journal whose removal did not reach the disk is dropped: its document is whole, and stays so."""
    store = Store(tmp_path, "m")
    writer = store.begin("abc", HEAD)
    writer.append(result(), environment(), entry_of(result()))
    (journal,) = store.folder.glob("*.jsonl")
    kept = journal.read_bytes()
    path = writer.close()
    assert path is not None
    journal.write_bytes(kept)

    assert store.recover() == []
    assert read_run(path).unfinished is None
    assert not journal.exists()


def test_what_a_killed_session_was_writing_is_removed(tmp_path: Path):
    """A half-written document of a process that is gone is removed by the next session; another's is left alone."""
    store = Store(tmp_path, "m")
    store.folder.mkdir()
    dead = store.folder / ".0001_abc.json.999999999.partial"
    alive = store.folder / f".0002_abc.json.{os.getpid()}.partial"
    for partial in (dead, alive):
        partial.write_text("{")
    store.recover()

    assert not dead.exists()
    assert alive.exists()
