"""Builders of small, valid records, and what checks pages, shared by all tests."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from energy_fixtures.readings import Reading
from energy_fixtures.records import Environment, Generation, Request, Result, Scenario, Trial

AXE = "axe-core@4.14.1"
TURNS = Path(tempfile.gettempdir()) / f"pytest-joules-turns-{os.environ.get('PYTEST_XDIST_TESTRUNUID', os.getpid())}"

settings.register_profile("untimed", deadline=None)  # how long an example takes says something of the machine alone
settings.load_profile("untimed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test that is marked `quiet`, because it measures how exact or how quick something is, has all workers to itself."""
    with TURNS.open("w") as turns:
        fcntl.flock(turns, fcntl.LOCK_EX if item.get_closest_marker("quiet") else fcntl.LOCK_SH)
        return (yield)


def pytest_sessionfinish() -> None:
    TURNS.unlink(missing_ok=True)


@pytest.fixture(autouse=True, scope="session")
def folders_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Sessions that tests start are not shown to who looks on with `joules live`, and what they cache is not this user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """axe-core's script: the file that JOULES_AXE names, else from npm's registry."""
    named = os.environ.get("JOULES_AXE")
    if named:
        return Path(named).read_text()
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm on this machine to fetch axe-core with; set JOULES_AXE to an axe.min.js")
    folder = tmp_path_factory.mktemp("axe")
    try:
        subprocess.run([npm, "pack", "--silent", AXE], cwd=folder, check=True, capture_output=True, timeout=20)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pytest.skip("npm's registry cannot be reached; set JOULES_AXE to an axe.min.js")
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as packed:
        script = packed.extractfile("package/axe.min.js")
        assert script is not None
        return script.read().decode()


def make_scenario(**changes: object) -> Scenario:
    fields: dict[str, object] = {
        "engine": "vllm",
        "model": "tiny",
        "batch_size": 2,
        "input_tokens": 8,
        "output_tokens": 4,
    }
    return Scenario(**{**fields, **changes})  # type: ignore[arg-type]


def make_trial(joules: float = 8.0, *, index: int = 0, duration_s: float = 1.0, **changes: object) -> Trial:
    request = Request(input_tokens=8, output_tokens=4, finish_reason="length", ttft_s=0.1, e2e_s=0.4)
    fields: dict[str, object] = {
        "index": index,
        "iterations": 1,
        "reading": Reading(energy_j={"gpu:0": joules}, duration_s=duration_s, method="counter"),
        "generation": Generation(requests=(request, request)),
        "seed": index,
    }
    return Trial(**{**fields, **changes})  # type: ignore[arg-type]


def make_environment(**changes: object) -> Environment:
    fields: dict[str, object] = {
        "host": {"cpu": "Example CPU", "cores": 2, "system": "Linux"},
        "boards": ({"name": "NVIDIA H200", "uuid": "GPU-1", "power_limit_w": 700.0},),
        "packages": {"torch": "2.13.0"},
        "engine": {"device": "cuda", "dtype": "float32", "weights": "dummy"},
        "meter": {"name": "zeus", "method": "counter", "domains": "gpu:0"},
    }
    return Environment(**{**fields, **changes})  # type: ignore[arg-type]


def make_result(
    name: str = "test_x[vllm-b2]", joules: tuple[float, ...] = (8.0, 8.2, 7.8), **changes: object
) -> Result:
    fields: dict[str, object] = {
        "fullname": f"benchmarks/test_frameworks.py::{name}",
        "question": "frameworks",
        "case": name.split("[")[-1].rstrip("]"),
        "scenario": make_scenario(),
        "environment": make_environment().key,
        "scope": ("gpu:0",),
        "trials": tuple(make_trial(value, index=index) for index, value in enumerate(joules)),
        "started_at": "2026-01-01T00:00:00+00:00",
    }
    return Result(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.fixture
def scenario() -> Callable[..., Scenario]:
    return make_scenario


@pytest.fixture
def trial() -> Callable[..., Trial]:
    return make_trial


@pytest.fixture
def environment() -> Callable[..., Environment]:
    return make_environment


@pytest.fixture
def result() -> Callable[..., Result]:
    return make_result
