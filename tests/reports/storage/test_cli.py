from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from energy_fixtures.storage.location import Location
from energy_fixtures.storage.outgoing import OutgoingRun
from energy_fixtures.storage.spool import Spool
from energy_fixtures.store import Head, Store
from reports.cli import main
from reports.compare.run_files import find_run

Save = Callable[[str, float], OutgoingRun]


def test_runs_are_listed_from_names_alone(where: Location, save: Save, capsys: pytest.CaptureFixture[str]) -> None:
    """Branch, time, groups and size of each run, for people and for programs."""
    save("main", 8.0)
    save("feature/x", 9.0)
    assert main(["storage", "list", str(where)]) == 0
    said = capsys.readouterr().out
    assert "feature/x" in said and "main" in said and "kB" in said
    assert main(["storage", "list", str(where), "--branch", "feature/x", "--format", "json"]) == 0
    (run,) = json.loads(capsys.readouterr().out)
    assert run["branch"] == "feature/x" and run["whole"] and run["groups"] == 1


def test_a_run_of_a_shared_store_is_compared_by_branch_and_by_address(
    where: Location, save: Save, capsys: pytest.CaptureFixture[str]
) -> None:
    """`joules compare` and others take a store with --storage, and a run's address without."""
    old, new = save("main", 8.0), save("topic", 4.0)
    for runs in (["main", "topic", "--storage", str(where)], [old.reference, new.reference]):
        assert main(["compare", *runs, "--fail", "mean:5%", "--format", "json"]) == 0
        (row,) = json.loads(capsys.readouterr().out)["rows"]
        assert row["case"] == "vllm-b2"
    assert main(["compare", f"{where}/nobody", "newest"]) == 4
    assert "matches 'nobody'" in capsys.readouterr().err


def test_the_index_is_brought_up_to_date_and_told(
    where: Location, save: Save, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says how many runs, metrics and rows there are."""
    save("main", 8.0)
    assert main(["storage", "index", str(where)]) == 0
    assert "runs 1, metrics" in capsys.readouterr().out


def test_pruning_says_what_goes_and_asks(where: Location, save: Save, capsys: pytest.CaptureFixture[str]) -> None:
    """A dry run removes nothing, neither does one that nobody agreed to; --yes removes what was named."""
    save("main", 8.0)
    for _ in range(3):
        save("topic", 9.0)
    command = ["storage", "prune", str(where), "--keep-last", "1"]
    assert main([*command, "--dry-run"]) == 0
    assert "2 runs (" in capsys.readouterr().out
    assert main(command) == 4
    assert "--yes" in capsys.readouterr().err
    assert main([*command, "--yes"]) == 0
    capsys.readouterr()
    main(["storage", "list", str(where), "--format", "json"])
    assert sorted(run["branch"] for run in json.loads(capsys.readouterr().out)) == ["main", "topic"]
    assert main(["storage", "prune", str(where)]) == 4
    assert "--keep-last" in capsys.readouterr().err


def test_what_waits_is_pushed(where: Location, save: Save, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """While the store cannot be written the files stay and the status is 1; afterwards nothing waits."""
    (tmp_path / "shared").write_text("no folder")
    assert save("main", 8.0).problem is not None
    assert main(["storage", "push"]) == 1
    assert "1 wait" in capsys.readouterr().out
    (tmp_path / "shared").unlink()
    assert main(["storage", "push", str(where)]) == 0
    assert "1 sent" in capsys.readouterr().out and Spool(where).waiting() == []
    assert main(["storage", "push"]) == 0
    assert "nothing waits" in capsys.readouterr().out
    assert main(["storage", "push", "folder"]) == 4


def test_in_a_folder_a_reference_means_what_it_means_to_a_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, result: Any, environment: Any
) -> None:
    """`joules compare main` is the branch, not a run called domain nor a file main here; a branch may have a slash."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main").write_text("no run")
    store = Store(tmp_path / "runs", "m")
    for tag, branch in (("a", "main"), ("domain", "feature/x")):
        info = {"id": "abc", "branch": branch}
        writer = store.begin(tag, Head(machine_info={}, commit_info=info, datetime="2026-01-01", version="5"))
        writer.append(result(), environment(), None)
        writer.close()
    found = {
        name: find_run(name, "runs").stem for name in ("main", "m/main", "feature/x", "m/feature/x", "domain", "m/2")
    }
    assert found == {
        "main": "0001_a",
        "m/main": "0001_a",
        "feature/x": "0002_domain",
        "m/feature/x": "0002_domain",
        "domain": "0002_domain",
        "m/2": "0002_domain",
    }
