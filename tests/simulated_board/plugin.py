"""Run any pytest command on a simulated machine: `-p tests.simulated_board.plugin`.

    pytest benchmarks -p tests.simulated_board.plugin --simulated-board "watts=100/600@0.7 tick_ms=100"
    pytest benchmarks -p tests.simulated_board.plugin --simulated-powercap "cpu:0=65 dram:0=8"

Engines stay on the CPU; real Zeus reads boards and a powercap tree that are made up. The loader looks for libraries where
it was told when a process began, so pytest begins again, once, with the board's environment.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulated_board.board import board_environ
from tests.simulated_board.powercap import Powercap, show_to_zeus

BEGUN_AGAIN = "SIMULATED_MACHINE"
"""Says to pytest begun again, by its process id, which folder to remove in the end; to all that it starts: do not begin again."""

KEY = pytest.StashKey[Powercap]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("simulated machine")
    group.addoption(
        "--simulated-board",
        metavar="SETTINGS",
        help="NVIDIA boards as the head of nvml.c describes them, in lower case: 'watts=100/600@0.7 tick_ms=100'",
    )
    group.addoption(
        "--simulated-powercap",
        metavar="WATTS",
        help="RAPL domains with their power, constant or in any form of a board's watts: 'cpu:0=65 dram:0=8'",
    )


def settings_of(text: str, option: str) -> dict[str, str]:
    """The words NAME=VALUE of an option.

    Raises:
        pytest.UsageError: A word has another form.
    """
    pairs = [word.partition("=") for word in text.split()]
    if not pairs or not all(name and equals and value for name, equals, value in pairs):
        raise pytest.UsageError(f"{option} is {text!r}; it needs NAME=VALUE, several with spaces between them")
    return {name: value for name, _, value in pairs}


# Outermost, before pytest captures what is written to the file descriptors that the second process takes over.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    asked = early_config.known_args_namespace.simulated_board
    if asked is not None and BEGUN_AGAIN not in os.environ:
        try:
            environ = board_environ(**settings_of(asked, "--simulated-board"))
        except ValueError as error:
            raise pytest.UsageError(f"--simulated-board: {error}") from error
        environ[BEGUN_AGAIN] = f"{os.getpid()} {environ['LD_LIBRARY_PATH']}"
        sys.stdout.flush()
        os.execve(sys.executable, sys.orig_argv, environ)  # the same process id; nothing registered atexit runs
    pid, _, folder = os.environ.get(BEGUN_AGAIN, "").partition(" ")
    if pid == str(os.getpid()):
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    asked = config.option.simulated_powercap
    if asked is not None:
        watts = settings_of(asked, "--simulated-powercap")
        known = {domain for domain in watts if re.fullmatch(r"cpu:\d+|psys", domain)}
        known |= {domain for domain in watts if domain.startswith("dram:") and domain.replace("dram", "cpu") in known}
        if set(watts) - known:
            raise pytest.UsageError(
                f"--simulated-powercap has no domain {', '.join(sorted(set(watts) - known))}; it has cpu:0, cpu:1, ..., "
                "dram:N beside a cpu:N, and psys"
            )
        folder = Path(tempfile.mkdtemp(prefix="simulated-powercap-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        tree = Powercap(folder / "intel-rapl", watts)
        show_to_zeus(tree.folder)
        config.stash[KEY] = tree.__enter__()


def pytest_unconfigure(config: pytest.Config) -> None:
    tree = config.stash.get(KEY, None)
    if tree is not None:
        tree.__exit__(None, None, None)


def pytest_report_header(config: pytest.Config) -> list[str]:
    shown = {"board": config.option.simulated_board, "powercap": config.option.simulated_powercap}
    words = [f"{name} {text}" for name, text in shown.items() if text is not None]
    return [f"simulated machine: {' · '.join(words)}"] if words else []
