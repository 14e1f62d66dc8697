"""From what was typed to a workload."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.workloads.catalogue import SYNTHETIC, USUAL_REQUESTS, workload


@pytest.fixture
def hour(tmp_path: Path) -> Path:
    path = tmp_path / "hour.csv"
    rows = "".join(f"2024-05-12 00:00:0{second}Z,{second + 1},9\n" for second in range(5))
    path.write_text(f"TIMESTAMP,ContextTokens,GeneratedTokens\n{rows}")
    return path


def test_generators_are_found_by_name() -> None:
    """Each of the seven has its name, in any case, and draws as many as are asked for."""
    assert len(SYNTHETIC) == 7
    for name in SYNTHETIC:
        assert len(workload(name.upper(), 3, 1)) == 3
    assert len(workload("burstgpt-like")) == USUAL_REQUESTS


def test_a_trace_gives_its_first_requests(hour: Path) -> None:
    """Requests asked of a trace are a stretch from its beginning; the seed changes nothing."""
    assert workload(hour).input_tokens.tolist() == [1, 2, 3, 4, 5]
    assert workload(str(hour), 2, seed=9).input_tokens.tolist() == [1, 2]


def test_a_file_goes_before_a_generator_of_its_name(
    hour: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies in the folder is what was meant."""
    monkeypatch.chdir(tmp_path)
    hour.rename("burstgpt-like")
    assert not workload("burstgpt-like").synthetic


@pytest.mark.parametrize(
    ("name", "requests", "seed", "words"),
    [
        ("burstgpt", None, 0, "'burstgpt' is neither a file nor a known workload; nearest are burstgpt-"),
        ("zzz", None, 0, "'zzz' is neither a file nor a known workload; known are burstgpt-like, azure-chat-like"),
        ("folder/zzz.csv", None, 0, "there is no file folder/zzz.csv"),
        ("azure-2024-conv", None, 0, "joules workload --download azure-2024-conv --to FOLDER fetches it"),
        ("~nobody-here/zzz.csv", None, 0, "there is no file ~nobody-here/zzz.csv"),
        (f"{'z' * 300}.csv", None, 0, "there is no file "),
        ("z\0z", None, 0, "is neither a file nor a known workload"),
        ("burstgpt-like", 0, 0, "0 requests were asked for; ask for at least 1"),
        ("burstgpt-like", 10**9, 0, "a generator draws at most 100,000,000"),
        ("burstgpt-like", 5, -1, "the seed is -1; it needs to be 0 or more"),
    ],
)
def test_what_does_not_exist_is_told(name: str, requests: int | None, seed: int, words: str) -> None:
    """A wrong name gives the nearest, a wrong number its range."""
    with pytest.raises(ConfigurationError) as caught:
        workload(name, requests, seed)
    assert words in str(caught.value)


def test_more_than_a_trace_has_is_refused(hour: Path) -> None:
    """Requests are never repeated in silence."""
    with pytest.raises(ConfigurationError, match="has 5 usable requests, 6 were asked for"):
        workload(hour, 6)


def test_the_catalogue_is_light(request: pytest.FixtureRequest) -> None:
    """Importing it, the bins and the downloads, as a benchmark does at collection, needs no NumPy, Polars or network code."""
    script = (
        "import sys\n"
        "import energy_fixtures.workloads.bins, energy_fixtures.workloads.catalogue, energy_fixtures.workloads.downloads\n"
        "sys.exit(', '.join({'numpy', 'polars', 'pandas', 'http.client'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=request.config.rootpath, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
