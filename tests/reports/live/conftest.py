"""Sessions that tell, made with the product's own feed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from energy_fixtures.live import LiveFeed
from tests.conftest import make_result


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Runtime folders of the test's own."""
    with tempfile.TemporaryDirectory() as short:  # Chromium's sockets lie in it, and their paths may not be long
        monkeypatch.setattr(tempfile, "tempdir", short)
        monkeypatch.setenv("TMPDIR", short)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        yield tmp_path


@pytest.fixture
def feed() -> Iterator[LiveFeed]:
    """A session of this process with three tests, one of them measured and judged."""
    feed = LiveFeed(lambda since_s: None)
    feed.begin(meter="zeus", method="counter", domains=("gpu:0",), cases=3)
    feed.step("test_x[b1]: round 1 of 5", seconds_left=42.0)
    feed.window(600.0, 2.0)
    feed.window(None, 2.0)
    feed.measured(make_result("test_x[b1]", joules=(16.0, 16.0)))
    feed.judged("benchmarks/test_frameworks.py::test_x[b1]", "REGRESSED", "b1: +9 % is worse than 5 %")
    feed.concluded("benchmarks/test_frameworks.py::test_x[b1]", "b1", "failed", "REGRESSED against 0001: b1")
    yield feed
    feed.end(())
