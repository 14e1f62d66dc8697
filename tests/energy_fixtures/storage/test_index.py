from __future__ import annotations

import datetime
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.storage import index, snapshots
from energy_fixtures.storage.index import COLUMNS, open_index
from energy_fixtures.storage.location import Location, location_of
from energy_fixtures.storage.names import parse
from energy_fixtures.storage.remote import Remote
from energy_fixtures.storage.shelf import FolderShelf
from energy_fixtures.store import Store


@pytest.fixture
def folder(tmp_path: Path, result: Any, environment: Any, head: Any) -> Path:
    """Three runs of one machine, of two branches."""
    store = Store(tmp_path / "runs", "m")
    for number, branch in enumerate(("main", "main", "dev")):
        writer = store.begin("x", head(branch=branch, dirty=number == 2))
        joules = (8.0 + number, 10.0 + number)
        writer.append(
            result("test_x[a]", joules, started_at=f"2026-01-0{number + 1}T00:00:00+00:00"), environment(), None
        )
        writer.close()
    return tmp_path / "runs"


def read_files(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Fills with the names of the files that are read from now on."""
    seen: list[str] = []
    read = FolderShelf.read
    monkeypatch.setattr(FolderShelf, "read", lambda self, names: (seen.extend(names), read(self, names))[1])
    return seen


def test_every_figure_of_every_run_has_a_row(folder: Path) -> None:
    """Mean, spread and rounds of a metric stand beside where, when and of which commit it was measured."""
    rows = open_index(location_of(str(folder)), metric="joules_per_output_token")
    assert tuple(rows.columns) == COLUMNS
    first = rows.row(0, named=True)
    assert first["run"] == "m/0001_x" and first["case"] == "a" and first["fullname"].endswith("::test_x[a]")
    assert (first["mean"], first["rounds"]) == (9.0 / 8, 2)
    assert math.isclose(first["sd"], math.sqrt(2) / 8)
    assert first["started_at"] == datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    assert (first["branch"], first["commit"], first["dirty"]) == ("main", "3f2a9c1d0b7e55", False)
    assert (first["board"], first["method"], first["question"]) == ("NVIDIA H200", "counter", "frameworks")
    assert rows["branch"].to_list() == ["main", "main", "dev"] and rows["dirty"].to_list() == [False, False, True]
    assert set(open_index(location_of(str(folder)))["metric"]) > {"joules_per_output_token", "ttft"}


def test_only_new_and_changed_files_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A known file is not opened again; a changed one is, and the rows of one that went go."""
    where = location_of(str(folder))
    before = open_index(where)
    seen = read_files(monkeypatch)
    assert open_index(where).equals(before) and seen == []
    changed = folder / "m" / "0002_x.json"
    changed.write_bytes(changed.read_bytes().replace(b'"dev"', b'"dev"') + b" ")
    (folder / "m" / "0001_x.json").unlink()
    after = open_index(where)
    assert seen == ["m/0002_x.json"]
    assert set(after["run"]) == {"m/0002_x", "m/0003_x"}
    assert open_index(where, rebuild=True).equals(after.sort("started_at", "run", maintain_order=True))


@pytest.mark.parametrize("damage", [b"", b"PAR1 no table PAR1", None])
def test_a_broken_cache_is_made_again(folder: Path, cache: Path, damage: bytes | None) -> None:
    """An empty, foreign or damaged cache costs reading the runs again, and nothing else."""
    where = location_of(str(folder))
    before = open_index(where)
    for segment in (cache / "index" / where.key).rglob("*.parquet"):
        content = segment.read_bytes()
        segment.write_bytes(
            damage if damage is not None else b"PAR1" + bytes(len(content) // 2) + content[len(content) // 2 + 4 :]
        )
    assert open_index(where).equals(before)


def test_a_broken_file_is_told_each_time_and_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no row, the sentence names it, and the others are there."""
    (folder / "m" / "0004_broken.json").write_bytes(b'{"energy": ')
    (folder / "m" / "0005_other.json").write_bytes(b"{}")
    where, said = location_of(str(folder)), list[str]()
    seen = read_files(monkeypatch)
    for _ in range(2):
        said.clear()
        assert open_index(where, say=said.append)["run"].n_unique() == 3
        assert len(said) == 2 and "0004_broken.json is passed over" in said[0]
    assert len(seen) == 5


def test_many_openings_keep_few_segments(folder: Path, cache: Path) -> None:
    """New files add segments; before there are many they become one."""
    where = location_of(str(folder))
    source = (folder / "m" / "0001_x.json").read_bytes()
    for number in range(10, 40):
        (folder / "m" / f"{number:04d}_x.json").write_bytes(source)
        rows = open_index(where, metric="ttft")
    assert rows.height == 33
    assert len(list((cache / "index" / where.key).rglob("*.parquet"))) <= 17


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """The sentence names the folder."""
    with pytest.raises(ConfigurationError, match="cannot read the folder of saved runs"):
        open_index(location_of(str(tmp_path / "nowhere")))


def test_a_shared_store_has_the_same_rows_and_doubts(s3: Any, shared: Location, save: Any) -> None:
    """Groups of one run share its name; a half-written object has no row and is told; a known one is not fetched again."""
    save(shared, ("a", "vllm"), "b", branch="dev")
    save(shared, "c")
    (broken,) = (path for path in s3.data.glob(f"{shared.text[5:]}/m/*.json") if b'"case": "c"' in path.read_bytes())
    broken.write_bytes(broken.read_bytes()[:-20])
    said: list[str] = []
    rows = open_index(shared, metric="joules_per_iteration", say=said.append)
    assert set(rows["case"]) == {"a", "b"} and rows["run"].n_unique() == 1
    assert rows["branch"].to_list() == ["dev", "dev"]
    assert "was not written whole" in said[0]
    before = len(s3.asked("GET"))
    assert open_index(shared, metric="joules_per_iteration").equals(rows)
    assert len(s3.asked("GET")) == before + 1


def test_a_new_machine_takes_the_stores_own_copy(
    s3: Any, shared: Location, save: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With an empty cache one snapshot is read and not every run; a broken snapshot costs reading them."""
    monkeypatch.setattr(index, "MANY", 3)
    for number in range(3):
        save(shared, f"case-{number}")
    rows = open_index(shared)
    assert len(snapshots.snapshots(Remote(shared).list())) == 1
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another machine"))
    s3.seen.clear()
    assert open_index(shared).equals(rows)
    assert [path for path in s3.asked("GET") if ".json" in path] == []
    (copy,) = s3.data.glob(f"{shared.text[5:]}/_index/*.parquet")
    copy.write_bytes(copy.read_bytes()[:-9])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a third"))
    said: list[str] = []
    assert open_index(shared, say=said.append).equals(rows)
    assert "was not written whole" in said[0]


def test_a_clock_that_runs_ahead_is_put_right_and_told(shared: Location, save: Any, make: Any) -> None:
    """No row is later than the store took it."""
    save(shared, "a")
    store = Remote(shared)
    (there,) = store.list()
    name = parse("m", there.name.partition("/")[2])
    assert name is not None
    content = store.read(there.name).replace(b"2026-01-01T00:00:00", b"2099-01-01T00:00:00")
    future = replace(name, when=name.when.replace(year=2099), run="f" * 16).holding(content)
    store.write(f"m/{future.file}", content)
    said: list[str] = []
    rows = open_index(shared, metric="ttft", say=said.append)
    assert rows.height == 2 and rows["started_at"].max().year < 2099
    assert "ahead of the store's" in said[0]
