"""Who may import whom, and what stays out of the pytest process."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOST_LINES = 400

# Where pytest meets the rest; everything else can be used and tested without it.
WIRING = {
    "energy_fixtures/fixture.py",
    "energy_fixtures/hookspecs.py",
    "energy_fixtures/items.py",
    "energy_fixtures/options.py",
    "energy_fixtures/plugin.py",
    "energy_fixtures/resuming.py",
    "energy_fixtures/session.py",
    "energy_fixtures/sweep_fixture.py",
    "energy_fixtures/timing.py",
    "reports/options.py",
    "reports/plugin.py",
    "reports/session.py",
    "reports/sweep/listing.py",
    "reports/sweep/on_node.py",
    "reports/sweep/replay.py",
    "reports/sweep/warm.py",
}
# One file each, so that a change of theirs is met in one place.
HOMES = {
    "pytest": WIRING,
    "_pytest": set[str](),  # private
    "pytest_benchmark": {"energy_fixtures/timing.py", "reports/plugin.py"},
    "torch": {"energy_fixtures/engines/transformers_engine.py", "energy_fixtures/engines/vllm_engine.py"},
    "transformers": {"energy_fixtures/engines/transformers_engine.py"},
    "vllm": {"energy_fixtures/engines/vllm_engine.py"},
    "zeus": {"energy_fixtures/meters/zeus_meter.py"},
    "scipy": {
        "reports/statistics.py",
        "reports/within.py",
        "reports/ab/spread.py",
        "reports/predict/fitting.py",
        "reports/series/change_points.py",
    },
    "fsspec": {"energy_fixtures/storage/remote.py"},
    "ray": {"reports/ray_connection.py"},
    "sklearn": {"reports/predict/learners.py"},
    "typer": {
        "reports/cli.py",
        "reports/shared_options.py",
        "reports/workload/cli.py",
        "reports/ideal/cli.py",
        "reports/serving/cli.py",
        "reports/estimate/cli.py",
        "reports/predict/cli.py",
        "reports/page/cli.py",
        "reports/sweep/cli.py",
        "reports/series/cli.py",
        "reports/live/cli.py",
        "reports/storage/cli.py",
    },
}
# What reports may know of the measuring half: its words, never its machinery.
WORDS = {
    "record",
    "records",
    "readings",
    "phases",
    "examination",
    "store",
    "storage",  # where runs are kept, and the index of them
    "metrics",
    "units",
    "reasons",
    "errors",
    "foreign",  # how files of others are read, and the limits
    "durable",  # files and names that outlive a power cut
    "origin",  # which code results hang on
    "environment",
    "hookspecs",
    "workloads",  # lengths, bins and arrivals: what was asked of an engine
    "models",  # shapes and their sizes: what an engine holds
    "live",  # what a running session tells
    "serving",  # arrivals and service levels: how requests came
}
# The two plugins meet in one file: one session, one machine folder, the boards of the header. The commands in another.
MEETING = {
    "reports/plugin.py": {"boards", "recording", "session", "timing"},
    "reports/cli.py": {"doctor"},
    "reports/sweep/listing.py": {"plugin", "timing"},
    "reports/sweep/on_node.py": {"session"},
    "reports/sweep/replay.py": {"session", "timing"},
    "reports/ab/keep.py": {"timing"},  # a file that is kept is pytest-benchmark's own
}
HEAVY = (
    *("torch", "transformers", "vllm", "zeus", "rich", "scipy", "pandas", "sklearn", "pynvml", "amdsmi", "typer"),
    *("numpy", "polars", "aiohttp", "altair", "vl_convert", "fsspec", "s3fs", "botocore"),
)


def sources(*packages: str) -> list[Path]:
    """Every Python file of the packages."""
    return [file for package in packages for file in sorted((ROOT / package).rglob("*.py"))]


def carried(*packages: str) -> list[Path]:
    """Every other file of the packages: the types' marker, tables."""
    found = [file for package in packages for file in sorted((ROOT / package).rglob("*")) if file.is_file()]
    return [file for file in found if file.suffix not in (".py", ".pyc")]


def imported(file: Path) -> Iterator[str]:
    """Every module that the file imports, at its top or inside a function, by full name."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative imports hide who imports whom"
            module = node.module or ""
            yield from (f"{module}.{alias.name}" for alias in node.names)


def strays(allowed: dict[str, set[str]], *packages: str) -> list[str]:
    """Name each import of a package in `allowed` that happens in another file than it allows."""
    return [
        f"{name} imports {module}"
        for file in sources(*packages)
        for name in [file.relative_to(ROOT).as_posix()]
        for module in imported(file)
        if name not in allowed.get(module.split(".")[0], {name})
    ]


def test_measuring_never_imports_explaining() -> None:
    """energy_fixtures knows neither reports nor benchmarks."""
    assert strays({"reports": set(), "benchmarks": set(), "tests": set()}, "energy_fixtures") == []


def test_explaining_knows_only_the_words() -> None:
    """reports imports records and the store from energy_fixtures, and no meter, engine or model."""
    rooms = {
        f"{name} imports {module}"
        for file in sources("reports")
        for name in [file.relative_to(ROOT).as_posix()]
        for module in imported(file)
        if module.startswith("energy_fixtures.") and module.split(".")[1] not in WORDS | MEETING.get(name, set())
    }
    assert rooms == set()


def test_questions_import_only_the_measuring_half() -> None:
    """A benchmark file needs pytest and energy_fixtures, nothing else of the project and no framework."""
    allowed = {"pytest", "energy_fixtures", *sys.stdlib_module_names}
    foreign = {
        f"{file.name} imports {module}"
        for file in sources("benchmarks")
        for module in imported(file)
        if module.split(".")[0] not in allowed
    }
    assert foreign == set()


def test_frameworks_meters_and_pytest_have_one_home_each() -> None:
    """pytest is imported by the wiring alone; Zeus, vLLM and Transformers in one file each."""
    assert strays(HOMES, "energy_fixtures", "reports") == []


def test_the_homes_exist() -> None:
    """The files that the rules above name are there, so that a renamed file does not loosen a rule."""
    named = {file for files in HOMES.values() for file in files if file.startswith("energy_fixtures/")}
    assert [file for file in sorted(named) if not (ROOT / file).exists()] == []


def test_no_module_is_named_after_a_package_it_imports() -> None:
    """A file zeus.py that imports zeus would find itself."""
    clashes = [
        str(file.relative_to(ROOT))
        for file in sources("energy_fixtures", "reports", "benchmarks")
        if file.stem in {module.split(".")[0] for module in imported(file)}
    ]
    assert clashes == []


@pytest.mark.parametrize("start", ["import energy_fixtures.plugin, reports.plugin", "import energy_fixtures"])
def test_heavy_packages_stay_out_until_they_are_used(start: str) -> None:
    """Registering the plugins imports no framework, no meter and no drawing library."""
    script = f"{start}\nimport json, sys\nprint(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_collecting_the_questions_imports_no_framework(tmp_path: Path) -> None:
    """`pytest --collect-only benchmarks` finds cases without torch, Transformers, vLLM or Zeus in the process."""
    spy = tmp_path / "spy.py"
    spy.write_text(
        "import json, pathlib, sys\n"
        "def pytest_collection_finish(session):\n"
        f"    seen = [name for name in {HEAVY!r} if name in sys.modules]\n"
        f"    pathlib.Path({str(tmp_path / 'seen.json')!r}).write_text(json.dumps([len(session.items), seen]))\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "-p",
        "spy",
        "-p",
        "no:cacheprovider",
        "benchmarks",
    ]
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    environ = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    count, seen = json.loads((tmp_path / "seen.json").read_text())
    assert count > 10
    assert seen == []


def test_files_are_short_enough_to_be_read_at_once() -> None:
    """No file is longer than 400 lines."""
    lengths = {
        file.relative_to(ROOT).as_posix(): len(file.read_text().splitlines())
        for file in sources("energy_fixtures", "reports", "benchmarks", "perf", "tools", "tests")
    }
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_the_wheel_holds_both_packages_whole(tmp_path: Path) -> None:
    """Every module of energy_fixtures and reports is in the wheel, with what they carry, and nothing else is."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(tmp_path),
        ".",
    ]
    copy = tmp_path / "source"
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        copy.mkdir(exist_ok=True)
        (copy / name).write_bytes((ROOT / name).read_bytes())
    for file in [*sources("energy_fixtures", "reports"), *carried("energy_fixtures", "reports")]:
        target = copy / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    packages = ("energy_fixtures", "reports")
    assert names == {file.relative_to(ROOT).as_posix() for file in [*sources(*packages), *carried(*packages)]}
