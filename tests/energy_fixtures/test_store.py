"""The store: whole files, shared layout, nothing lost."""

import json
import multiprocessing
import os
import signal

import pytest
from pytest_benchmark.stats import normalize_stats

from energy_fixtures.errors import ConfigurationError, ResultFileError
from energy_fixtures.records import SCHEMA_VERSION
from energy_fixtures.store import Head, Store, begin_file, publish, read_run
from energy_fixtures.timing import entry_of

HEAD = Head(
    machine_info={"node": "n"}, commit_info={"id": "abc"}, datetime="2026-01-01T00:00:00+00:00", version="5.3.1"
)


def save(store, results, environment):
    writer = store.begin("abc_20260101_000000", HEAD)
    for result in results:
        writer.append(result, environment, entry_of(result))
    return writer.close()


def test_run_comes_back_equal(tmp_path, result, environment):
    """What was appended is what is read, with the environment it was made in."""
    results = (result("test_x[a]"), result("test_x[b]", joules=(1.0,)))
    path = save(Store(tmp_path, "m"), results, environment())
    run = read_run(path)

    assert run.results == results
    assert run.environments == {environment().key: environment()}
    assert run.schema_version == SCHEMA_VERSION


def test_file_is_pytest_benchmarks_own(tmp_path, result, environment):
    """The document has pytest-benchmark's keys, its time statistics and the energy summary in extra_info."""
    document = json.loads(save(Store(tmp_path, "m"), (result(),), environment()).read_text())
    (entry,) = document["benchmarks"]
    normalize_stats(entry["stats"])

    assert set(document) == {"machine_info", "commit_info", "benchmarks", "datetime", "version", "energy"}
    assert entry["stats"]["rounds"] == 3
    assert entry["stats"]["mean"] == pytest.approx(1.0)
    assert entry["extra_info"]["joules_per_output_token"] == pytest.approx(1.0)
    assert entry["extra_info"]["energy_valid"] is True
    assert entry["group"] == "frameworks"


def test_runs_are_numbered_on(tmp_path, result, environment):
    """Each run takes the next number; a number, a part of the name, a path and nothing at all find it."""
    store = Store(tmp_path, "m")
    first, second = (save(store, (result(),), environment()) for _ in range(2))

    assert (first.name[:5], second.name[:5]) == ("0001_", "0002_")
    assert store.find(None) == second
    assert store.find("1") == store.find("0001") == first
    assert store.find(str(first)) == first
    assert store.find("abc") == second


def test_missing_run_is_named(tmp_path, result, environment):
    """A run that is not there is refused with the names of those that are."""
    store = Store(tmp_path, "m")
    assert store.find(None) is None
    save(store, (result(),), environment())

    with pytest.raises(ConfigurationError, match=r"no saved run matches '7'.*0001_abc"):
        store.find("7")


def test_session_without_results_leaves_no_file(tmp_path):
    """A session that measured nothing saves nothing."""
    store = Store(tmp_path, "m")

    assert store.begin("abc", HEAD).close() is None
    assert not list(store.folder.glob("*_*"))


def _killed_writer(root, result, environment):
    writer = Store(root, "m").begin("abc", HEAD)
    writer.append(result, environment, entry_of(result))
    os.write(writer._journal.fileno(), b'{"result": {"torn')
    os.kill(os.getpid(), signal.SIGKILL)


def test_killed_session_loses_no_finished_case(tmp_path, result, environment):
    """After kill -9 in the middle of a write, the next session finds every case that was finished."""
    process = multiprocessing.get_context("fork").Process(
        target=_killed_writer, args=(tmp_path, result(), environment())
    )
    process.start()
    process.join()
    store = Store(tmp_path, "m")
    (path,) = store.recover()

    assert process.exitcode == -signal.SIGKILL
    assert read_run(path).results == (result(),)
    assert not list(store.folder.glob("*.jsonl"))


def test_running_session_is_left_alone(tmp_path, result, environment):
    """The journal of a session that is still writing is not touched by another one."""
    store = Store(tmp_path, "m")
    writer = store.begin("abc", HEAD)
    writer.append(result(), environment(), entry_of(result()))

    assert store.recover() == []
    assert read_run(writer.close()).results == (result(),)


def test_two_sessions_at_once_keep_both(tmp_path, result, environment):
    """Sessions that save at the same time get numbers and files of their own."""
    store = Store(tmp_path, "m")
    writers = [store.begin("abc", HEAD) for _ in range(2)]
    for writer in writers:
        writer.append(result(), environment(), entry_of(result()))

    assert sorted(writer.close().name[:5] for writer in writers) == ["0001_", "0002_"]


def test_json_option_writes_to_the_named_file(tmp_path, result, environment):
    """--energy-json's file appears whole at the end, and its journal is gone."""
    writer, rescued = begin_file(tmp_path / "out.json", HEAD)
    writer.append(result(), environment(), entry_of(result()))
    writer.close()

    assert read_run(tmp_path / "out.json").results == (result(),)
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]
    assert rescued is None


def test_json_option_touches_no_other_file(tmp_path, result, environment):
    """A file of the user's beside it stays as it was, whatever its name."""
    for name in ("out.jsonl", "out.json.journal"):
        (tmp_path / name).write_text("mine")
    writer, _ = begin_file(tmp_path / "out.json", HEAD)
    writer.append(result(), environment(), entry_of(result()))
    writer.close()

    assert (tmp_path / "out.jsonl").read_text() == (tmp_path / "out.json.journal").read_text() == "mine"


def _killed_file_writer(path, result, environment):
    writer, _ = begin_file(path, HEAD)
    writer.append(result, environment, entry_of(result))
    os.kill(os.getpid(), signal.SIGKILL)


def test_killed_session_with_json_loses_no_finished_case(tmp_path, result, environment):
    """The next session that writes the same file first puts what the killed one had finished beside it."""
    target = tmp_path / "out.json"
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_killed_file_writer, args=(target, result(), environment()))
    process.start()
    process.join()
    writer, rescued = begin_file(target, HEAD)

    assert read_run(rescued).results == (result(),)
    assert rescued.name == "out.recovered.json"
    assert writer.close() is None


def test_two_sessions_cannot_write_one_json(tmp_path):
    """The second session that names the file is refused at once, with the first one's journal unharmed."""
    first, _ = begin_file(tmp_path / "out.json", HEAD)

    with pytest.raises(ConfigurationError, match="another session"):
        begin_file(tmp_path / "out.json", HEAD)
    assert (tmp_path / ".out.json.journal").stat().st_size > 0
    first.close()


def test_unwritable_folder_is_a_sentence(tmp_path):
    """A store that cannot be written is refused with the option that names another."""
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigurationError, match="--energy-storage"):
        Store(tmp_path / "file", "m").begin("abc", HEAD)
    with pytest.raises(ConfigurationError, match="--energy-json"):
        begin_file(tmp_path / "none" / "out.json", HEAD)
    with pytest.raises(ConfigurationError, match="is a folder"):
        begin_file(tmp_path, HEAD)


def test_failed_publishing_keeps_the_old_file(tmp_path):
    """Content that cannot be written leaves the file as it was and no partial beside it."""
    target = publish(tmp_path / "a.json", b"old")

    with pytest.raises(TypeError):
        publish(target, None)
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "not a whole result file"),
        (b'{"energy": {"schema_ver', "not a whole result file"),
        (b"[1, 2]", "not a whole result file"),
        (b"\xff\xfe\x00", "not a whole result file"),
        (b'{"benchmarks": []}', "no `energy` block"),
        (b'{"energy": {"schema_version": 999}}', "upgrade pytest-joules"),
        (
            b'{"energy": {"schema_version": 1, "environments": {}, "results": [{"fullname": 3}]}}',
            "breaks the record rules",
        ),
    ],
)
def test_bad_file_is_one_sentence(tmp_path, content, sentence):
    """Truncated, foreign, newer and rule-breaking files are each refused with what is wrong and the file's name."""
    path = tmp_path / "run.json"
    path.write_bytes(content)

    with pytest.raises(ResultFileError, match=sentence) as caught:
        read_run(path)
    assert "run.json" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_the_run_after_9999_is_the_newest(tmp_path):
    """Runs are in order of their number, also when it has a digit more."""
    folder = tmp_path / "here"
    folder.mkdir()
    for name in ("10000_later.json", "9999_before.json", "0001_first.json", "notes.json", "0002_open.jsonl"):
        (folder / name).write_text('{"energy": {"schema_version": 1}}')
    store = Store(tmp_path, "here")

    assert [run.stem for run in store.runs()] == ["0001_first", "9999_before", "10000_later"]
    assert store.find(None) == folder / "10000_later.json"
    assert store.find("1") == folder / "0001_first.json"
