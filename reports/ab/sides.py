"""The two sides: where each one's code lies, with which interpreter it runs, and what to call it.

    revisions   a git worktree each in a temporary folder; without --head side B is the user's checkout as it is
    --setup     an environment of its own each: empty, but for what this interpreter's environment holds underneath, so that
                a revision that asks for nothing new does not install gigabytes of engines again
    options     the same checkout twice, with other words after pytest's arguments

The root of a side's checkout comes first on PYTHONPATH whatever is installed: measuring the other side's code by mistake would
go unseen, whereas code that cannot run from its checkout fails at once.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shlex
import site
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from energy_fixtures.errors import ConfigurationError, JoulesError
from reports.ab.git import HOOK_VARIABLES, Commit, commit_of, is_dirty, top_of, worktree
from reports.ab.order import Name
from reports.ab.process import run_to_end, tail

OVERLAY = "zz_joules_ab.pth"
"""Read after every other .pth file, so that what the setup installed comes before what lies underneath."""

INSTALLED = frozenset({"site-packages", "dist-packages"})


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side, ready to run.

    Attributes:
        name: A or B.
        label: What a person calls it: short hash and subject, or its options.
        folder: Where pytest is started.
        python: The interpreter.
        arguments: pytest's.
        environ: The whole environment of its processes.
        commit: Full hash of the revision, None for the user's checkout and for options.
    """

    name: Name
    label: str
    folder: Path
    python: Path
    arguments: tuple[str, ...]
    environ: Mapping[str, str] = field(repr=False)
    commit: str | None = None


@dataclass(frozen=True, kw_only=True)
class Revisions:
    """Two revisions, named. `head` None stands for the user's checkout as it is."""

    top: Path
    base: Commit
    head: Commit | None
    dirty: bool

    @classmethod
    def named(cls, folder: Path, base: str, head: str | None) -> Revisions:
        """Look the names up.

        Raises:
            ConfigurationError: No checkout, or no such revision.
        """
        top = top_of(folder)
        known = commit_of(top, base, "--base")
        other = None if head is None else commit_of(top, head, "--head")
        return cls(top=top, base=known, head=other, dirty=is_dirty(top))

    @property
    def labels(self) -> tuple[str, str]:
        """What to call the two."""
        return f"{self.base.short} {self.base.subject}", self._head_label()

    def _head_label(self) -> str:
        if self.head is not None:
            return f"{self.head.short} {self.head.subject}"
        now = commit_of(self.top, "HEAD", "--head")
        state = "with uncommitted changes" if self.dirty else "without changes"
        return f"this checkout, {state}, on {now.short} {now.subject}"


@contextlib.contextmanager
def revision_sides(
    revisions: Revisions,
    folder: Path,
    arguments: Sequence[str],
    setup: str | None,
    scratch: Path,
    say: Callable[[str], None],
) -> Iterator[tuple[Side, Side]]:
    """Both sides of two revisions; their worktrees are gone afterwards.

    Args:
        revisions: Which.
        folder: Where the user is, inside the checkout.
        arguments: pytest's.
        setup: A shell command that installs a checkout, None for none.
        scratch: An empty folder, removed by the caller.
        say: Told what is being done.

    Raises:
        ConfigurationError: A revision lacks the folder that the user is in.
        JoulesError: git or the setup fails; with the end of the output.
    """
    inside = folder.resolve().relative_to(revisions.top.resolve())
    with contextlib.ExitStack() as stack:
        sides = []
        names: tuple[tuple[Name, Commit | None], ...] = (("A", revisions.base), ("B", revisions.head))
        for (name, commit), label in zip(names, revisions.labels, strict=True):
            root = revisions.top
            if commit is not None:
                root = stack.enter_context(worktree(revisions.top, commit, scratch / name.lower()))
            if not (root / inside).is_dir():
                raise ConfigurationError(f"side {name} ({label}) has no folder {inside}/; start joules ab further up")
            environ = _environ(revisions.top, root)
            python = Path(sys.executable)
            if setup is not None:
                say(f"setting up {name}: {setup}")
                python, environ = _set_up(root, setup, environ, scratch / f"{name.lower()}-env", name)
            sides.append(
                Side(
                    name=name,
                    label=label,
                    folder=root / inside,
                    python=python,
                    arguments=tuple(_moved(argument, revisions.top, root) for argument in arguments),
                    environ=environ,
                    commit=None if commit is None else commit.sha,
                )
            )
        yield sides[0], sides[1]


def option_sides(folder: Path, arguments: Sequence[str], words: tuple[str, str]) -> tuple[Side, Side]:
    """Both sides of two sets of options.

    Raises:
        ConfigurationError: The words of a side cannot be read as a shell reads them, or both sides have the same.
    """
    split = [split_words(text, option) for text, option in zip(words, ("--a", "--b"), strict=True)]
    if split[0] == split[1]:
        raise ConfigurationError("--a and --b say the same; give each side its own options")
    names: tuple[Name, Name] = ("A", "B")
    sides = [
        Side(
            name=name,
            label=shlex.join(more) or "no further options",
            folder=folder,
            python=Path(sys.executable),
            arguments=(*arguments, *more),
            environ=dict(os.environ),
        )
        for name, more in zip(names, split, strict=True)
    ]
    return sides[0], sides[1]


def split_words(text: str | None, option: str) -> list[str]:
    """The words of --a or --b as a shell splits them.

    Raises:
        ConfigurationError: A quotation that does not end.
    """
    try:
        return shlex.split(text or "")
    except ValueError as error:
        raise ConfigurationError(f"{option} {text!r} cannot be read as a shell would: {error}") from error


def _environ(top: Path, root: Path) -> dict[str, str]:
    """This process's environment, with a side's code first on PYTHONPATH: its root, `src`, and what lies there otherwise."""
    sources = [path for entry in sys.path if os.path.isabs(entry) and _is_source(path := Path(entry).resolve(), top)]
    own = [root, root / "src", *(root / path.relative_to(top) for path in sources)]
    given = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    other = [entry for entry in given if not _is_source(Path(entry).resolve(), top)]
    first = dict.fromkeys([*(str(entry) for entry in own if entry.is_dir()), *other])
    environ = {name: value for name, value in os.environ.items() if name not in HOOK_VARIABLES}
    return {**environ, "PYTHONPATH": os.pathsep.join(first)}


def _is_source(path: Path, top: Path) -> bool:
    """Whether a place of modules is the checkout's own, and not an environment that lies in it."""
    installed = any(path.is_relative_to(prefix) for prefix in {sys.prefix, sys.base_prefix} - {str(top)})
    return path.is_relative_to(top) and not installed and not INSTALLED.intersection(path.parts)


def _moved(argument: str, top: Path, root: Path) -> str:
    """An argument that names a place in the user's checkout by its whole path names the same place in this side's."""
    option, equals, value = argument.partition("=") if argument.startswith("-") else ("", "", argument)
    place, colons, case = value.partition("::")
    path = Path(place).parent.resolve() / Path(place).name
    if not os.path.isabs(place) or not path.is_relative_to(top):
        return argument
    return f"{option}{equals}{root / path.relative_to(top)}{colons}{case}"


def _set_up(root: Path, setup: str, environ: Mapping[str, str], where: Path, name: Name) -> tuple[Path, dict[str, str]]:
    """Make an environment and run the setup command in the checkout, with the environment's programs first on PATH."""
    log = where.with_suffix(".log")
    pip = [] if importlib.util.find_spec("pip") is None else ["--without-pip"]  # the one underneath serves
    command = [sys.executable, "-m", "venv", *pip, str(where)]
    if run_to_end(command, folder=root, environ=os.environ, log=log) != 0:
        raise JoulesError(f"no environment can be made for side {name}:", below=tail(log))
    python = where / "bin" / "python"
    if pip:
        for program in ("pip", "pip3"):
            script = where / "bin" / program
            script.write_text(f'#!/bin/sh\nexec "{python}" -m pip "$@"\n')
            script.chmod(0o755)
    _lay_over(where)
    first = {
        **environ,
        "PATH": f"{python.parent}{os.pathsep}{environ.get('PATH', os.defpath)}",
        "VIRTUAL_ENV": str(where),
    }
    first.pop("PYTHONHOME", None)
    installing = {
        key: value for key, value in first.items() if key != "PYTHONPATH"
    }  # pip sees what is installed, no more
    status = run_to_end(["/bin/sh", "-c", setup], folder=root, environ=installing, log=log)
    if status != 0:
        raise JoulesError(f"the setup of side {name} ended with status {status}: {setup}", below=tail(log))
    return python, first


def _lay_over(where: Path) -> None:
    """Put this interpreter's packages underneath the new environment's own."""
    below = [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    lines = [f"import site; site.addsitedir({folder!r})\n" for folder in below if Path(folder).is_dir()]
    (own,) = (where / "lib").glob("python*/site-packages")
    (own / OVERLAY).write_text("".join(lines))
