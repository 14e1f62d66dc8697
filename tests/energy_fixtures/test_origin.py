"""What counts as the same code and the same settings."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path

import pytest

from energy_fixtures.origin import Origin, changes, origin_of, variables


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, "-C", str(folder), *words], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with one committed test."""
    git(tmp_path, "init", "-q")
    (tmp_path / "test_a.py").write_text("a = 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def of(folder: Path, *outputs: Path, **settings: str) -> Origin:
    return origin_of(folder, [folder / "test_a.py"], outputs, settings)


def test_a_checkout_is_told_by_commit_and_changes(checkout: Path):
    """An edit, an edit of the edit, a new test file and a commit each make it another code."""
    seen = [of(checkout)]
    assert seen[0].changes is None
    (checkout / "test_a.py").write_text("a = 2\n")
    seen.append(of(checkout))
    (checkout / "test_a.py").write_text("a = 3\n")
    seen.append(of(checkout))
    (checkout / "test_b.py").write_text("")
    seen.append(of(checkout))
    git(checkout, "add", ".")
    git(checkout, "commit", "-q", "-m", "second")
    seen.append(of(checkout))

    says = [changes(then, now) for then, now in itertools.pairwise(seen)]
    assert says[:3] == [["the uncommitted changes are others"]] * 3
    assert says[3][0].startswith(f"commit {seen[0].commit[:12]} -> ")
    assert changes(seen[-1], of(checkout)) == []


def test_what_a_session_writes_is_no_code(checkout: Path):
    """Logs, and the session's own results, tracked or not, change nothing."""
    (checkout / "out.json").write_text("{}")
    git(checkout, "add", ".")
    git(checkout, "commit", "-q", "-m", "with results")
    before = of(checkout, checkout / "out.json", checkout / ".benchmarks")
    (checkout / "out.json").write_text('{"energy": 1}')
    (checkout / "log.txt").write_text("said")
    (checkout / ".benchmarks").mkdir()
    (checkout / ".benchmarks" / "conftest.py").write_text("")

    assert changes(before, of(checkout, checkout / "out.json", checkout / ".benchmarks")) == []
    assert changes(before, of(checkout)) == ["the uncommitted changes are others"]


def test_without_git_the_test_files_count(tmp_path: Path):
    """Where there is no checkout, an edited test and a conftest.py that comes or goes are named."""
    (tmp_path / "test_a.py").write_text("a = 1\n")
    before = of(tmp_path)
    (tmp_path / "conftest.py").write_text("")
    with_conftest = of(tmp_path)
    (tmp_path / "test_a.py").write_text("a = 2\n")
    edited = of(tmp_path)

    assert before.commit is None
    assert changes(before, with_conftest) == ["conftest.py was changed"]
    assert changes(with_conftest, edited) == ["test_a.py was changed"]
    assert changes(with_conftest, before) == ["conftest.py is gone"]


def test_another_selection_of_tests_is_no_change(tmp_path: Path):
    """A test file that was not read before, or is not read now, says nothing of the others."""
    for name in ("test_a.py", "test_b.py"):
        (tmp_path / name).write_text("")
    one = origin_of(tmp_path, [tmp_path / "test_a.py"], (), {})
    two = origin_of(tmp_path, [tmp_path / "test_a.py", tmp_path / "test_b.py"], (), {})

    assert changes(one, two) == changes(two, one) == []


def test_settings_are_named_by_their_option():
    """An option that is other, new or gone is told as it is typed."""
    then = Origin(settings={"--energy-min-rounds": "3", "--energy-idle": "2.0"})
    now = Origin(settings={"--energy-min-rounds": "5", "--energy-phases": "True"})

    assert changes(then, now) == [
        "--energy-idle 2.0 -> default",
        "--energy-min-rounds 3 -> 5",
        "--energy-phases default -> True",
    ]


def test_variables_that_decide_results_are_settings():
    """Threads, devices and the engines' own switches are told as they are, ways as digests, keys not at all."""
    environ = {"OMP_NUM_THREADS": "4", "VLLM_API_KEY": "hush", "VLLM_USE_X": "1", "TORCH_HOME": "/fast", "HOME": "/h"}
    told = variables(environ)

    assert (told["OMP_NUM_THREADS"], told["VLLM_USE_X"]) == ("4", "1")
    assert told["TORCH_HOME"].startswith("sha256:")
    assert set(told) == {"OMP_NUM_THREADS", "VLLM_USE_X", "TORCH_HOME"}
    assert changes(Origin(settings=variables({})), Origin(settings=told))[0] == "OMP_NUM_THREADS default -> 4"


def test_a_change_that_moves_to_another_folder_is_another(checkout: Path):
    """Two new files of one name and content in different folders are different code."""
    seen = []
    for folder in ("a", "b"):
        (checkout / folder).mkdir()
        (checkout / folder / "helper.py").write_text("x = 1\n")
        seen.append(of(checkout))
        (checkout / folder / "helper.py").unlink()

    assert changes(*seen) == ["the uncommitted changes are others"]
