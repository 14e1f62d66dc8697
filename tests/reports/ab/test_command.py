"""`joules ab` on real revisions, with real pytest sessions and a made-up meter."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from energy_fixtures.store import read_run
from reports.ab.sides import Revisions, revision_sides
from tests.reports.ab.conftest import CASE, PLUGINS, WORK

SLOWER = WORK.format(seconds=0.2)
PROJECT = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
PROJECT += '[project]\nname = "ab-tiny"\nversion = "7"\n[tool.setuptools]\npy-modules = ["tiny"]\n'

HANGS = """
import os, time, pathlib
from work import work

def test_work(energy):
    energy.pedantic(work, rounds=2)

def test_hangs_in_the_second_session():
    seen = pathlib.Path(os.environ["SEEN"])
    with seen.open("a") as file:
        file.write(f"{os.getpid()}\\n")
    if seen.read_text().count("\\n") == 2:
        seen.with_suffix(".hangs").touch()
        time.sleep(60)
"""


def test_a_real_change_is_found(repository, ab, left_over, tmp_path):
    """A head that takes twice as long is REGRESSED: exit 1, both sides kept as usual, nothing left behind."""
    repository.commit("Work for 200 ms", work=SLOWER)
    kept = tmp_path / "kept"
    status, printed, said = ab(
        "--base", "base", "--head", "HEAD", "--rounds", "2", "--fail", "mean:5%", "--save", str(kept)
    )
    assert status == 1, printed + said
    assert "energy gate (mean:5%): 1 REGRESSED" in printed
    assert "simulated, not measured" in printed
    assert "Work for 100 ms" in printed and "Work for 200 ms" in printed
    assert "block 2 of 2 · B" in said
    a, b = (read_run(kept / name).results for name in ("a.json", "b.json"))
    assert [len(result.trials) for result in (*a, *b)] == [6, 6]
    assert json.loads((kept / "a.json").read_text())["commit_info"]["id"] == repository.git("rev-parse", "base").strip()
    assert repository.worktrees == 1
    assert left_over() == []


def test_the_checkout_as_it_is(repository, ab):
    """Without --head, side B is the working tree with its edits; the tree, its index and its refs stay as they are."""
    repository.write(work=SLOWER, staged="x = 1\n", untracked="y = 1\n")
    repository.git("add", "staged.py")
    index = (repository.path / ".git" / "index").read_bytes()
    before = [repository.git(*words) for words in (("status", "--porcelain"), ("diff", "HEAD"), ("show-ref",))]
    status, printed, said = ab("--base", "HEAD", "--rounds", "2", "--fail", "mean:5%")

    assert status == 1, printed + said
    assert "this checkout, with uncommitted changes, on" in printed
    assert "REGRESSED" in printed
    assert (repository.path / ".git" / "index").read_bytes() == index
    assert [repository.git(*words) for words in (("status", "--porcelain"), ("diff", "HEAD"), ("show-ref",))] == before
    there = {path.name for path in repository.path.iterdir()} - {"__pycache__"}
    assert there == {".git", ".gitignore", "staged.py", "test_work.py", "untracked.py", "work.py"}


def test_the_same_twice(repository, ab, tmp_path):
    """A revision against itself is not REGRESSED: exit 0, and the report goes to the file that was named."""
    page = tmp_path / "page.md"
    status, printed, said = ab(
        "--base", "base", "--head", "base", "--rounds", "2", "--fail", "mean:5%", "--format=markdown", "-o", str(page)
    )
    assert status == 0, printed + said
    assert printed == ""
    assert "REGRESSED" not in page.read_text()
    assert "| `joules_per_iteration` (simulated) |" in page.read_text()


def test_options(repository, ab):
    """--a and --b go to pytest, each to its side, as a shell would split them."""
    words = ("--rounds", "2", "--fail", "mean:5%", "--format=json")
    status, printed, said = ab("--a", "--energy-meter 'simulated:400'", "--b", "--energy-meter=simulated:800", *words)
    assert status == 1, printed + said
    seen = json.loads(printed)
    (case,) = seen["cases"]
    assert case["ratio"] == pytest.approx(2, abs=0.2)
    assert seen["differing"] == ["trace 400 against 800"]
    assert (seen["a"], seen["b"]) == ("--energy-meter simulated:400", "--energy-meter=simulated:800")


def test_an_environment_each(repository, ab):
    """With --setup each side runs with what its own setup installed, over the packages that are here."""
    test = "import time, installed\n\ndef test_work(energy):\n"
    test += "    energy.pedantic(time.sleep, args=(installed.SECONDS,), rounds=6)\n"
    for seconds in (0.1, 0.2):
        script = "from pathlib import Path\nimport sysconfig\n(Path(sysconfig.get_path('purelib')) / 'installed.py')"
        repository.commit(f"{seconds}", test_work=test, install=f"{script}.write_text('SECONDS = {seconds}')\n")
    words = ("--head", "HEAD", "--setup", "python install.py", "--rounds", "2", "--fail", "mean:5%")
    status, printed, said = ab("--base", "HEAD~1", *words)
    assert status == 1, printed + said
    assert "setting up A: python install.py\nsetting up B: python install.py\n" in said
    assert "an environment each, set up by `python install.py`" in printed
    assert "REGRESSED" in printed


def test_pip_installs_a_side_for_itself_alone(repository, tmp_path):
    """An editable install lands in the environment of its side and points at its worktree; the rest comes from here."""
    (repository.path / "pyproject.toml").write_text(PROJECT)
    repository.commit("A package", tiny="")
    repository.git("rm", "--quiet", "pyproject.toml")
    repository.commit("None")
    setup = "[ ! -f pyproject.toml ] || pip install -q --no-index --no-build-isolation --no-deps -e ."
    told: list[str] = []
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    revisions = Revisions.named(repository.path, "HEAD~1", "HEAD")
    script = "import importlib.metadata as about, pytest, tiny\n"
    script += "print(tiny.__file__, *(one.version for one in about.distributions(name='ab-tiny')))"
    with revision_sides(revisions, repository.path, ["x"], setup, scratch, told.append) as sides:
        seen = [
            subprocess.check_output([side.python, "-c", script], cwd=side.folder, env=dict(side.environ), text=True)
            for side in sides
        ]
    assert [line.split() for line in seen] == [[f"{scratch}/a/tiny.py", "7"], [f"{scratch}/b/tiny.py"]]
    assert told == [f"setting up A: {setup}", f"setting up B: {setup}"]
    assert repository.worktrees == 1


def test_a_setup_that_fails(repository, ab, left_over):
    """A setup that ends badly is told with its output, names its side, and leaves nothing behind."""
    status, printed, said = ab("--base", "base", "--setup", "echo no compiler here; exit 3")
    assert status == 1
    assert "the setup of side A ended with status 3" in said and "no compiler here" in said
    assert (printed, repository.worktrees, left_over()) == ("", 1, [])


def test_a_side_that_fails(repository, ab):
    """A failing test ends it with exit 1, the side and the end of pytest's output; what both sides have is reported."""
    failing = CASE + "\ndef test_broken():\n    assert 1 == 2, 'broken in head'\n"
    repository.commit("Break it", test_work=failing)
    status, printed, said = ab("--base", "base", "--head", "HEAD")
    assert status == 1
    assert "joules: side B (" in said and "Break it): a test failed" in said and "broken in head" in said
    assert "stopped early: a test of side B failed" in printed
    assert "test_work" in printed


def test_ctrl_c(repository, tmp_path, left_over):
    """Ctrl-C ends the running session and all it started, removes the worktrees, and reports what both sides have."""
    repository.commit("Hang in the second session", test_work=HANGS)
    seen = tmp_path / "seen"
    script = "import sys; from reports.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", script, "ab", "--base", "HEAD", "--rounds", "20", "--", *PLUGINS]
    process = subprocess.Popen(
        command,
        cwd=repository.path,
        env={**os.environ, "SEEN": str(seen)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not seen.with_suffix(".hangs").exists() and process.poll() is None:
        time.sleep(0.05)
    assert repository.worktrees == 2
    process.send_signal(signal.SIGINT)
    printed, said = process.communicate(timeout=60)

    assert process.returncode == 130, said
    assert "stopped early: it was interrupted" in printed
    assert "Traceback" not in printed + said
    assert (repository.worktrees, left_over()) == (1, [])
    for pid in seen.read_text().split():
        assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(
    ("words", "pytest_words", "sentence"),
    [
        (("--base", "nowhere"), (), "--base nowhere: this repository knows no such revision"),
        (("--base", "base", "--head", "nowhere"), (), "--head nowhere: this repository knows no such revision"),
        (("--base", "--output=x"), (), "this repository knows no such revision"),
        ((), (), "it is not said what to compare; give --base REV"),
        (("--head", "base"), (), "it is not said what to compare; give --base REV"),
        (("--base", "base", "--a", "-x"), (), "give one kind"),
        (("--a", "-x", "--b", "-x"), (), "--a and --b say the same"),
        (("--a", "-k 'x"), (), '--a "-k \'x" cannot be read as a shell would'),
        (("--base", "base", "--rounds", "1"), (), "--rounds 1: a side needs 2 valid trials"),
        (("--base", "base", "--max-time", "0"), (), "--max-time 0 is no budget"),
        (("--base", "base", "--max-joules", "nan"), (), "--max-joules nan is no budget"),
        (("--base", "base", "--fail", "mean"), (), "--fail mean cannot be read"),
        (("--base", "base", "--format", "pdf"), (), "Invalid value for '--format'"),
        (("--base", "base", "--comment", "x"), (), "--comment names the hidden marker of --format markdown"),
        (("--base", "base", "--format", "markdown", "--comment", "-->"), (), "--comment '-->': use letters and digits"),
        (("--base", "base", "-o", "no/such/folder"), (), "is no file that can be written"),
        (("--base", "base"), ("-n", "2"), "-n asks for xdist workers"),
        (("--base", "base"), ("-n4",), "-n4 asks for xdist workers"),
        (("--a", "--dist=load"), (), "--dist=load asks for xdist workers"),
        (("--base", "base"), ("--energy-save=x",), "--energy-save does not go with joules ab"),
        (("--base", "base"), ("--energy-compare-fail=mean:5%",), "--fail METRIC:STAT:LIMIT judges them"),
    ],
)
def test_wrong_use(repository, ab, words, pytest_words, sentence):
    """What cannot be asked ends with status 4 and one sentence, before anything is checked out or run."""
    status, printed, said = ab(*words, pytest_words=pytest_words)
    assert status == 4, said
    assert printed == ""
    assert said.startswith("joules: ") and said.count("\n") == 1
    assert sentence in said


@pytest.mark.parametrize(
    ("pytest_words", "sentence"),
    [
        (("-k", "nothing_like_it"), "side A (no further options) selects no case:"),
        (("--no-such-option",), "pytest refuses the arguments of side A (no further options):"),
        (("--energy-disable",), "side A (no further options) measures no energy:"),
    ],
)
def test_what_pytest_cannot_do(repository, ab, pytest_words, sentence):
    """No case, an option that pytest does not know and no energy are wrong use, told with the end of its output."""
    status, printed, said = ab("--b", "-v", pytest_words=pytest_words)
    assert status == 4, said
    assert printed == ""
    assert sentence in said


def test_outside_git(repository, ab, tmp_path, monkeypatch):
    """Where there is no repository, revisions are wrong use, and the way out is named."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    status, _, said = ab("--base", "base")
    assert status == 4
    assert "lies in no git checkout" in said and "--a and --b" in said


def test_dashes_are_needed(repository, capsys):
    """Without -- nobody can tell whose options are whose."""
    from reports.cli import main

    assert main(["ab", "--base", "base", "test_work.py"]) == 4
    assert "-- is missing: pytest's arguments come after it" in capsys.readouterr().err


def test_results_are_not_overwritten(repository, ab, tmp_path):
    """A folder that holds a side already is refused before anything is measured."""
    (tmp_path / "b.json").write_text("mine")
    status, _, said = ab("--base", "base", "--save", str(tmp_path))
    assert status == 4
    assert "b.json is there already" in said
    assert (tmp_path / "b.json").read_text() == "mine"


def test_every_option_is_documented(request, capsys):
    """The options in the table of docs/ab.md are those that the help lists."""
    from reports.cli import main

    assert main(["ab", "--help"]) == 0
    known = set(re.findall(r"^  (?:-o, )?(--[a-z-]+)", capsys.readouterr().out, re.MULTILINE)) - {"--help"}
    rows = [line for line in (request.config.rootpath / "docs" / "ab.md").read_text().splitlines() if line[:3] == "| `"]
    assert {flag for row in rows for flag in re.findall(r"`(?:-o FILE`, `)?(--[a-z-]+) ", row.split(" | ")[0])} == known
