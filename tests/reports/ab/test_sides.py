"""Where each side's code lies and what is left of it afterwards."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from energy_fixtures.errors import ConfigurationError, JoulesError
from reports.ab.git import commit_of, state_of, worktree
from reports.ab.sides import Revisions, option_sides, revision_sides


@pytest.fixture
def sides(repository, tmp_path):
    """Open both sides of `base` against a head, from a folder of the checkout."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def make(head, *arguments, folder=repository.path):
        revisions = Revisions.named(folder, "base", head)
        return revision_sides(revisions, folder, arguments, None, scratch, print)

    return make


def test_without_head_side_b_is_the_checkout_itself(repository, sides):
    """A is a worktree of the revision, B the user's folder; both are called by what they are."""
    with sides(None) as (a, b):
        assert a.folder != repository.path == b.folder
        assert (a.folder / "work.py").is_file()
        assert (a.commit, b.commit) == (repository.git("rev-parse", "base").strip(), None)
        assert a.label.endswith("Work for 100 ms")
        assert b.label.startswith("this checkout, without changes, on ")
    assert not a.folder.exists()


def test_code_comes_from_the_side(repository, sides, monkeypatch):
    """Root, src and other places of modules in the checkout come first, each side's own; an environment in it does not."""
    (repository.path / "src").mkdir()
    repository.commit("src", **{"src/inside": ""})
    repository.git("tag", "--force", "base")
    installed = repository.path / ".venv" / "lib" / "site-packages"
    installed.mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [*sys.path, str(repository.path / "src"), str(installed)])
    elsewhere = os.environ["PYTHONPATH"]
    with sides(None) as pair:
        for side in pair:
            path = side.environ["PYTHONPATH"].split(os.pathsep)
            assert path == [str(side.folder), str(side.folder / "src"), elsewhere]


@pytest.mark.parametrize(
    ("argument", "moved"),
    [
        ("{top}/test_work.py::test_work", "{root}/test_work.py::test_work"),
        ("--rootdir={top}", "--rootdir={root}"),
        ("{link}/test_work.py", "{root}/test_work.py"),
        ("test_work.py", "test_work.py"),
        ("/elsewhere/test_x.py", "/elsewhere/test_x.py"),
        ("-k=a", "-k=a"),
    ],
)
def test_whole_paths_into_the_checkout_are_moved(repository, sides, tmp_path, argument, moved):
    """A test that is named by its whole path is the side's own, also when the path leads there by a link."""
    link = tmp_path / "link"
    link.symlink_to(repository.path)
    with sides(None, argument.format(top=repository.path, link=link)) as (a, b):
        assert a.arguments == (moved.format(root=a.folder),)
        assert b.arguments == (moved.format(root=b.folder),)


def test_inside_a_folder_of_the_checkout(repository, sides):
    """pytest starts in the same folder of each side; a revision that lacks it is told."""
    (repository.path / "sub").mkdir()
    repository.commit("sub", **{"sub/test_x": ""})
    with pytest.raises(ConfigurationError, match=r"side A \(.* has no folder sub/; start joules ab further up"):
        sides("HEAD", folder=repository.path / "sub").__enter__()
    assert repository.worktrees == 1
    repository.git("tag", "--force", "base")
    with sides("HEAD", folder=repository.path / "sub") as (a, b):
        assert (a.folder.name, b.folder.name) == ("sub", "sub")


def test_hooks_of_git_stay_out(repository, sides, monkeypatch):
    """Neither the user's post-checkout hook runs, nor do variables of a hook that runs us lead git astray."""
    hook = repository.path / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch ran\n")
    hook.chmod(0o755)
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere/index")
    with sides(None) as (a, b):
        assert not (a.folder / "ran").exists()
        assert "GIT_DIR" not in a.environ and "GIT_INDEX_FILE" not in b.environ


def test_a_worktree_goes_also_when_git_cannot_remove_it(repository, tmp_path):
    """A folder that git no longer takes for a worktree is removed, and git forgets it."""
    folder = tmp_path / "copy"
    with worktree(repository.path, commit_of(repository.path, "base", "--base"), folder):
        (folder / ".git").unlink()
    assert not folder.exists()
    assert repository.worktrees == 1


def test_a_worktree_that_cannot_be_made(repository, tmp_path):
    """What git says is handed on in one sentence."""
    (tmp_path / "copy").write_text("in the way")
    made = worktree(repository.path, commit_of(repository.path, "base", "--base"), tmp_path / "copy")
    with pytest.raises(JoulesError, match="git cannot check out"):
        made.__enter__()


def test_edits_are_seen(repository):
    """The digest of a checkout changes with a tracked file, and with nothing else."""
    before = state_of(repository.path)
    repository.write(untracked="")
    assert state_of(repository.path) == before
    repository.write(work="")
    assert state_of(repository.path) != before


def test_options_go_to_one_side_each(tmp_path):
    """The words of each side follow pytest's arguments, split as a shell splits them."""
    a, b = option_sides(tmp_path, ["benchmarks"], ("-k 'a and b'", ""))
    assert (a.arguments, b.arguments) == (("benchmarks", "-k", "a and b"), ("benchmarks",))
    assert (a.label, b.label) == ("-k 'a and b'", "no further options")
    assert a.folder == b.folder == Path(tmp_path)
