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


@pytest.fixture
def journal(tmp_path, result, environment):
    """What a session with three results leaves when it is killed, and where."""
    writer = Store(tmp_path / "of", "m").begin("abc", HEAD)
    for case in "abc":
        writer.append(result(f"test_x[{case}]"), environment(), entry_of(result()))
    (path,) = (tmp_path / "of" / "m").glob("*.jsonl")
    content = path.read_bytes()
    writer.close()
    return content


@pytest.mark.parametrize(("bad", "cases"), [(2, "abc"), (3, "ac"), (0, ""), (4, "ab")])
def test_a_damaged_journal_is_read_on_and_kept(tmp_path, journal, bad, cases):
    """A line that cannot be read costs that line alone; the journal stays as it was under another name, and is told."""
    lines = journal.splitlines(keepends=True)
    assert len(lines) == 5  # head, environment, three results
    lines[bad] = b'{"result": \xff\n' if bad != 2 else b"\0" * 9 + b"\n" + lines[2]
    store, said = Store(tmp_path, "m"), []
    store.folder.mkdir()
    (store.folder / "0001_abc.jsonl").write_bytes(b"".join(lines))
    found = store.recover(said.append)

    assert [one.fullname[-2] for path in found for one in read_run(path).results] == [*cases]
    assert (store.folder / "0001_abc.jsonl.unreadable").read_bytes() == b"".join(lines)
    assert len(said) == 1 and said[0].endswith("0001_abc.jsonl.unreadable")
    assert store.recover(said.append) == [] and len(said) == 1
    assert store.begin("next", HEAD).path.name == "0002_next.json"


@pytest.mark.parametrize("content", [b'{"timestamp": 1}\n', b'{"timestamp": 1}', b"no json at all\n"])
def test_a_file_of_somebody_else_is_no_journal(tmp_path, content):
    """A foreign .jsonl in the folder is never deleted, whatever it holds."""
    store = Store(tmp_path, "m")
    store.folder.mkdir()
    (store.folder / "0001_trace.jsonl").write_bytes(content)

    assert store.recover() == []
    assert [path.read_bytes() for path in store.folder.glob("0001_trace*")] == [content]


def test_a_damaged_journal_of_json_is_kept_beside_it(tmp_path, journal):
    """The journal of --energy-json is not emptied before all of it was read; a second one has a name of its own."""
    lines = journal.splitlines(keepends=True)
    damaged, said = b"".join([*lines[:2], b"?\n", *lines[2:]]), []
    for _ in range(2):
        (tmp_path / ".out.json.journal").write_bytes(damaged)
        writer, rescued = begin_file(tmp_path / "out.json", HEAD, said.append)
        writer.close()

    assert len(read_run(tmp_path / "out.recovered.json").results) == 3 and rescued is None
    for kept in (".out.json.journal.unreadable", ".out.json.journal.unreadable-2"):
        assert (tmp_path / kept).read_bytes() == damaged
    assert len(said) == 2


@pytest.fixture
def named(tmp_path, result, environment, monkeypatch):
    """A store with a run of branch main, and one of branch dev that is called domain; a file main lies in the working folder."""
    store = Store(tmp_path / "runs", "m")

    def saved(tag, branch):
        head = Head(machine_info={}, commit_info={"id": "abc", "branch": branch}, datetime="2026-01-01", version="5")
        writer = store.begin(tag, head)
        writer.append(result(), environment(), None)
        return writer.close()

    monkeypatch.chdir(tmp_path)
    (tmp_path / "main").write_text("no run")
    return store, saved


def test_a_branch_is_meant_before_a_part_of_a_name(named):
    """`main` is the branch, not a run called domain, and not a file of that name in the working folder."""
    store, saved = named
    of_main, domain = saved("first", "main"), saved("domain", "dev")

    assert store.find("main") == of_main
    assert store.find("domain") == store.find("0002_domain") == store.find("0002_domain.json") == domain
    assert store.find("omai") == domain
    assert store.find("2") == domain
    assert store.find(str(domain)) == domain


def test_a_whole_name_is_meant_before_a_branch(named):
    """A run that was saved as `main` is what main means."""
    store, saved = named
    called, newer = saved("main", "dev"), saved("other", "main")

    assert store.find("main") == called
    assert store.find("other") == newer


def test_a_bare_word_that_is_only_a_file_is_told_how_to_be_a_path(named):
    """Where no run has the name, the sentence says how to name the file."""
    store, _ = named
    with pytest.raises(ConfigurationError, match=r"no saved run matches 'main'.*the file of that name is \./main"):
        store.find("main")
    assert str(store.find("./main")) == "main"


def test_a_pipe_is_no_run_and_no_journal(tmp_path):
    """A pipe with the name of a run or of a journal is passed over; to read it would be to wait for ever."""
    store = Store(tmp_path, "m")
    store.folder.mkdir()
    for name in ("0001_x.json", "0002_x.jsonl"):
        os.mkfifo(store.folder / name)

    assert store.runs() == []
    assert store.recover() == []
    assert store.find(None) is None
