"""--energy-json, --energy-markdown, --energy-html and --junitxml leave the baseline and each other alone."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def saved(sleeper, run) -> Path:
    """A run in `base.json`, with another name for it."""
    run("--energy-json=base.json").assert_outcomes(passed=1)
    Path("link.json").symlink_to("base.json")
    return Path("base.json")


@pytest.mark.parametrize(
    "options",
    [
        ("--energy-compare=base.json", "--energy-markdown=base.json"),
        ("--energy-compare=base.json", "--energy-markdown=link.json"),
        ("--energy-compare=link.json", "--energy-json=base.json"),
        ("--energy-compare=base.json", "--energy-html=base.json"),
        ("--energy-compare=base.json", "--junitxml=base.json"),
        ("--energy-json=zz", "--energy-markdown=zz"),
        ("--energy-json=zz", "--energy-html=./zz"),
        ("--energy-markdown=zz", "--energy-html=zz"),
        ("--energy-json=zz", "--junitxml=zz"),
        ("--energy-compare=later.json", "--energy-json=later.json"),
    ],
)
def test_a_clash_is_told_before_anything_runs(saved, run, options):
    """Exit status 4, a sentence with both options, and every file as it was."""
    before = saved.read_bytes()
    done = run(*options)

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    said = done.stderr.str()
    assert all(option.partition("=")[0] in said for option in options)
    assert saved.read_bytes() == before
    assert not Path("zz").exists() and not Path("later.json").exists()


def test_files_of_their_own_are_all_written(saved, run):
    """A baseline, a run, a page and JUnit's file in one session are no clash."""
    done = run("--energy-compare=base.json", "--energy-json=a.json", "--energy-markdown=a.md", "--junitxml=a.xml")

    assert done.ret == 0
    assert all(Path(name).stat().st_size for name in ("a.json", "a.md", "a.xml"))
