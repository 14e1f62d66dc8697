"""`--energy-save`, `-autosave`, `-storage`, `-json`, and pytest-benchmark reading and writing the same files."""

import json
import subprocess
import sys

import pytest

from tests.plugin.faults import FULL_DISK

pytestmark = pytest.mark.quiet


def runs(pytester, folder=".benchmarks"):
    return sorted((pytester.path / folder).glob("*/*.json"))


def test_save_writes_a_named_run(sleeper, run):
    """--energy-save=NAME writes NNNN_NAME.json and says where."""
    result = run("--energy-save=before")
    (path,) = runs(sleeper)

    assert path.name == "0001_before.json"
    result.stdout.fnmatch_lines(["energy results saved in *0001_before.json"])


def test_autosave_names_commit_and_time(sleeper, run):
    """--energy-autosave uses pytest-benchmark's pattern."""
    run("--energy-autosave")
    (path,) = runs(sleeper)

    assert path.name.startswith("0001_unversioned_")


def test_ini_twin(sleeper, run):
    """An option can stand in the ini file; the command line comes first."""
    sleeper.makeini("[pytest]\nenergy_autosave = true\nenergy_storage = results\nenergy_meter = simulated:100\n")
    run(meter=None)
    (path,) = runs(sleeper, "results")
    trial = json.loads(path.read_text())["energy"]["results"][0]["trials"][0]

    assert trial["reading"]["energy_j"]["gpu:0"] / trial["reading"]["duration_s"] == pytest.approx(100)


def test_json_writes_the_same_document(sleeper, run):
    """--energy-json writes what --energy-save does, to a file of one's choice."""
    run("--energy-save=a", "--energy-json=out.json")
    (path,) = runs(sleeper)

    assert json.loads(path.read_text())["energy"] == json.loads((sleeper.path / "out.json").read_text())["energy"]


def test_nothing_is_written_unasked(sleeper, run):
    """Without a saving option no file appears."""
    run()

    assert not (sleeper.path / ".benchmarks").exists() or not runs(sleeper)


def test_benchmark_compare_reads_our_files(sleeper, run):
    """pytest-benchmark's own compare command shows two of our runs as timings."""
    run("--energy-save=a")
    run("--energy-save=b")
    command = [sys.executable, "-m", "pytest_benchmark", "compare", "0001", "0002"]
    done = subprocess.run(command, cwd=sleeper.path, capture_output=True, text=True, check=True)

    assert "test_sleep (0001_a)" in done.stdout
    assert "test_sleep (0002_b)" in done.stdout


def test_benchmark_compare_option_reads_our_files(sleeper, run):
    """--benchmark-compare takes one of our files as its baseline."""
    run("--energy-save=a")
    result = run("--benchmark-compare=0001")

    result.stdout.fnmatch_lines_random(["*test_sleep (0001_a)*", "*test_sleep (NOW)*"])
    assert result.ret == 0


@pytest.mark.parametrize("option", ["--benchmark-json=bench.json", "--benchmark-save=bench", "--benchmark-autosave"])
def test_benchmark_saving_carries_energy(sleeper, run, option):
    """pytest-benchmark's own saving keeps working, with the summary in extra_info and the whole energy block."""
    run(option)
    path = sleeper.path / "bench.json" if "json" in option else runs(sleeper)[0]
    document = json.loads(path.read_text())

    assert document["benchmarks"][0]["extra_info"]["joules_per_iteration"] == pytest.approx(6, rel=0.2)
    assert document["energy"]["results"][0]["scope"] == ["gpu:0"]


def test_time_table_stays_away_unasked(sleeper, run):
    """Without a --benchmark-* option the session shows joules, not a second table of seconds."""
    assert "Name (time in" not in run().stdout.str()


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--energy-save=a/b",), "*cannot be a run's name*"),
        (("--energy-storage=file.txt", "--energy-save=a"), "*cannot write results to file.txt*--energy-storage*"),
        (("--energy-json=no/such/folder/out.json",), "*--energy-json=no/such/folder/out.json cannot be written*"),
        (("--benchmark-storage=elasticsearch+http://localhost/x", "--energy-save=a"), "*--energy-storage*"),
    ],
)
def test_bad_place_is_a_usage_error(sleeper, run, args, sentence):
    """A place that cannot be written is told before anything is measured, exit code 4."""
    (sleeper.path / "file.txt").write_text("")
    result = run(*args)

    assert result.ret == 4
    assert "1 passed" not in result.stdout.str()
    result.stderr.fnmatch_lines([sentence])


def test_interrupted_session_keeps_finished_cases(pytester, run):
    """Ctrl-C in the second test leaves the first one's result in the file."""
    pytester.makepyfile(
        """
        import time
        def test_one(energy):
            energy.pedantic(time.sleep, args=(0.01,))
        def test_two(energy):
            energy.pedantic(lambda: (_ for _ in ()).throw(KeyboardInterrupt))
        """
    )
    result = run("--energy-save=a", own_process=True)
    (path,) = runs(pytester)

    assert result.ret == 2
    assert [one["case"] for one in json.loads(path.read_text())["energy"]["results"]] == ["test_one"]


def test_full_disk_is_told_and_loses_nothing(sleeper, run):
    """A disk that is full at the end fails the session with one line; the next session saves what the journal holds."""
    sleeper.makeconftest(FULL_DISK)
    result = run("--energy-save=a", own_process=True)

    assert result.ret == 1
    result.stdout.fnmatch_lines(["energy results NOT saved in *0001_a.json: No space left on device; *"])
    (sleeper.path / "conftest.py").unlink()
    run("--energy-save=b").stdout.fnmatch_lines(["*an earlier session was cut off*0001_a.json"])
    assert [path.name for path in runs(sleeper)] == ["0001_a.json", "0002_b.json"]


def test_full_disk_in_between_does_not_stop_the_measuring(pytester, run):
    """A line that cannot be written costs nothing when the whole can be written at the end."""
    pytester.makepyfile(
        """
        import errno, time
        import energy_fixtures.store as store

        def test_one(energy, monkeypatch):
            def full(descriptor):
                raise OSError(errno.ENOSPC, "No space left on device")
            monkeypatch.setattr(store.os, "fsync", full)
            energy.pedantic(time.sleep, args=(0.01,))

        def test_two(energy):
            energy.pedantic(time.sleep, args=(0.01,))
        """
    )
    result = run("--energy-save=a", own_process=True)
    (path,) = runs(pytester)

    assert result.ret == 0
    assert [one["case"] for one in json.loads(path.read_text())["energy"]["results"]] == ["test_one", "test_two"]


@pytest.mark.parametrize("uri", ["results", "./results", "file://./results"])
def test_benchmark_storage_is_shared(sleeper, run, uri):
    """Where pytest-benchmark keeps its runs is where ours are kept, as a path or a file URI."""
    run("--energy-save=a", f"--benchmark-storage={uri}")

    assert [path.name for path in runs(sleeper, "results")] == ["0001_a.json"]
