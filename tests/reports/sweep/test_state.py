"""A sweep's folder: what was finished is known whatever was cut off, and one driver at a time works on it."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.records import Environment, Result
from reports.sweep.journal import Begin, End, Finished, Line, journal_of, lines_of
from reports.sweep.plan import PLAN_VERSION, Case, Plan, grouped
from reports.sweep.shared import CODE, beside_others, doubted
from reports.sweep.slot import cleared, scratch_of
from reports.sweep.state import State

ROOT = Path(__file__).parents[3]


def begin(clock: str = "m", began_s: float = 0.0) -> Line:
    return Line(begin=Begin(sweep="s", group=1, node="n", clock=clock, boards=1, devices="0", began_s=began_s))


def finished(nodeid: str, began_s: float = 1.0, ended_s: float = 2.0, crashed: str | None = None) -> Line:
    return Line(finished=Finished(nodeid=nodeid, reports=(), began_s=began_s, ended_s=ended_s, crashed=crashed))


def text(*lines: Line) -> bytes:
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


def plan(code: str = "c") -> Plan:
    cases = (Case(nodeid="a.py::t", measures=True),)
    return Plan(version=PLAN_VERSION, arguments=("a.py",), code=code, cases=cases, groups=grouped(cases))


def test_a_torn_line_loses_nothing_before_it() -> None:
    """A journal that was cut anywhere tells exactly the cases whose lines are whole."""
    whole = text(begin(), Line(started="a"), finished("a"), Line(started="b"), finished("b"))
    ends = [index for index in range(len(whole) + 1) if whole[:index].endswith(b"\n")]
    for cut in range(0, len(whole) + 1, 7):
        journal = journal_of(lines_of(whole[:cut]))
        assert [case.nodeid for case in journal.finished] == ["a", "b"][
            : max(0, sum(end <= cut for end in ends) - 1) // 2
        ]


def test_the_first_answer_that_holds_counts(tmp_path: Path) -> None:
    """A case that crashed is not finished; one that two attempts finished counts once, as it was first."""
    state = State(tmp_path / "s")
    state.begin(plan())
    for token, lines in (
        ("a", text(begin(), finished("x", crashed="killed"), finished("y", 1, 2))),
        ("b", text(begin(), finished("y", 5, 6))),
    ):
        writer = state.writer(1, token)
        writer.copy(lines)
        writer.close()
    assert {name: case.began_s for name, case in state.finished().items()} == {"y": 1.0}
    assert state.crashed()["x"].crashed == "killed"


def test_a_folder_is_of_one_sweep(tmp_path: Path) -> None:
    """The same plan is gone on with under the same identity; another one is refused."""
    state = State(tmp_path / "s")
    state.begin(plan())
    identity = state.identity
    State(tmp_path / "s").begin(plan())
    assert State(tmp_path / "s").identity == identity
    with pytest.raises(ConfigurationError, match="another selection or other code"):
        State(tmp_path / "s").begin(plan("other"))
    state.put_aside("20260101_000000")
    again = State(tmp_path / "s")
    again.begin(plan())
    assert again.identity != identity


@pytest.mark.parametrize("said", ["", "..", "../../..", "0123456789abcdeF", "0123456789abcdef\n"])
def test_an_identity_names_one_folder_that_may_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """Anything but sixteen hex digits is refused where it is read and on the node, and nothing is removed."""
    state = State(tmp_path / "s")
    state.begin(plan())
    (tmp_path / "s" / "id").write_text(said)
    with pytest.raises(ConfigurationError, match="is no identity of a sweep; begin anew with --fresh"):
        _ = state.identity
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    kept = scratch_of("node", "0123456789abcdef") / "kept"
    kept.touch()
    with pytest.raises(ConfigurationError, match="names no folder"):
        cleared("node", said)
    assert kept.exists()
    cleared("node", "0123456789abcdef")
    assert not kept.parents[1].exists()


def test_the_folder_on_a_node_is_this_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every level is for its owner alone; a link in its place, or another user's folder, is refused."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = scratch_of("node", "0123456789abcdef")
    assert {level.stat().st_mode & 0o777 for level in (folder, *folder.parents[:2])} == {0o700}
    cleared("node", "0123456789abcdef")
    (tmp_path / "elsewhere").mkdir()
    (folder.parents[1] / "node").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="is not a folder of this user's"):
        scratch_of("node", "0123456789abcdef")
    assert list((tmp_path / "elsewhere").iterdir()) == []
    uid = os.getuid()
    monkeypatch.setattr("os.getuid", lambda: uid + 1)
    with pytest.raises(ConfigurationError, match="is not a folder of this user's"):
        scratch_of("other", "0123456789abcdef")


@pytest.mark.parametrize("name", ["0001_run.json", "plan.json", ".git"])
def test_a_folder_of_the_users_own_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A folder with other files is neither locked, written to nor moved, also by its name `.`; an empty one is taken."""
    (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path, Path(".")):
        for use in (State(folder).hold, lambda folder=folder: State(folder).begin(plan())):
            with pytest.raises(ConfigurationError, match="holds other files; name a folder that is empty"):
                use()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with pytest.raises(ConfigurationError, match="cannot be read: Not a directory"):
        State(tmp_path / name).hold()
    (tmp_path / name).unlink()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    state = State(Path("."))
    state.hold()
    state.begin(plan())
    assert state.put_aside("now") == tmp_path / "empty.now"


def test_folders_put_aside_in_one_second_are_all_kept(tmp_path: Path) -> None:
    """The second and third get a number."""
    aside = []
    for _ in range(3):
        state = State(tmp_path / "s")
        state.hold()
        state.begin(plan())
        aside.append(state.put_aside("now").name)
    assert aside == ["s.now", "s.now-2", "s.now-3"]


def test_a_lock_on_a_folder_that_was_put_aside_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that opened the lock before another put the folder aside takes the new folder's lock."""
    first = State(tmp_path / "s")
    first.hold()
    opened = os.open

    def open_late(path: Path, flags: int, mode: int) -> int:
        descriptor = opened(path, flags, mode)
        if (tmp_path / "s" / ".lock").exists() and not (tmp_path / "s.now").exists():
            first.put_aside("now")
        return descriptor

    monkeypatch.setattr("reports.sweep.state.os.open", open_late)
    second = State(tmp_path / "s")
    second.hold()
    monkeypatch.undo()
    with pytest.raises(ConfigurationError, match="another joules sweep works on"):
        State(tmp_path / "s").hold()


def test_files_of_a_sweep_that_are_none_end_in_a_sentence(tmp_path: Path) -> None:
    """A list for the reasons, a device for a journal."""
    state = State(tmp_path / "s")
    state.begin(plan())
    (tmp_path / "s" / "lost.json").write_text("[1]")
    with pytest.raises(ConfigurationError, match="does not say which cases were given up"):
        state.lost()
    state.journal_path(1, secrets.token_hex(4)).symlink_to("/dev/zero")
    with pytest.raises(ConfigurationError, match="it is a device"):
        state.finished()


def test_one_driver_at_a_time(tmp_path: Path) -> None:
    """A second driver is told of the first, and may go on as soon as that is dead, however it died."""
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from pathlib import Path; from reports.sweep.state import State; State(Path({str(tmp_path / 's')!r})).hold(); print('held', flush=True); sys.stdin.read()"
    other = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None and other.stdout.readline() == "held\n"
    with pytest.raises(ConfigurationError, match="another joules sweep works on"):
        State(tmp_path / "s").hold()
    other.kill()
    other.communicate()
    state = State(tmp_path / "s")
    state.hold()
    state.release()


def test_cases_beside_another_group_are_found_by_the_clock_of_their_machine() -> None:
    """Two groups that overlap on one machine mark the cases inside the overlap; another machine's do not matter."""
    here = journal_of([begin("m", 0), finished("a", 1, 2), finished("b", 4, 6), Line(end=End(status=0, ended_s=7))])
    beside = journal_of([begin("m", 5), finished("c", 5.5, 8), Line(end=End(status=0, ended_s=9))])
    elsewhere = journal_of([begin("other", 0), finished("d", 1, 9), Line(end=End(status=0, ended_s=9))])
    assert beside_others([here, beside, elsewhere]) == {("b", 4.0), ("c", 5.5)}


def test_the_doubt_is_on_joules_of_the_host_alone(
    case: Callable[..., Result], environment: Callable[..., Environment]
) -> None:
    """A result with joules of the host says that they are shared; one of a GPU alone says nothing."""
    result = case("b1", [1.0, 2.0])
    assert doubted(result) == result
    trials = tuple(
        msgspec.structs.replace(
            one, reading=msgspec.structs.replace(one.reading, energy_j={"gpu:0": 1.0, "cpu:0": 1.0})
        )
        for one in result.trials
    )
    with_host = msgspec.structs.replace(result, trials=trials)
    assert [trial.doubts for trial in doubted(with_host).trials] == [(CODE,), (CODE,)]
