"""A temporary folder of an engine's own: what a framework puts there and cannot remove when it is killed goes all the same.

made       by whoever starts the process, whose id is in the name
removed    by the same, when the process has ended; after a kill -9 of the starter by the next session
"""

from __future__ import annotations

import getpass
import os
import re
import shutil
import tempfile
from pathlib import Path

PREFIX = "joules-engine-"
LONGEST_FOLDER = 70
"""Characters; with the name of a socket, a slash and 36 more, a path must stay below the 107 that the kernel takes."""


def remove_left() -> None:
    """Remove the folders of processes that are gone."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = re.match(rf"{PREFIX}(\d+)-", left.name)
        if owner is not None and not Path("/proc", owner[1]).exists():
            remove_scratch(left)


def make_scratch() -> Path:
    """A new folder of this process."""
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))


def remove_scratch(folder: Path) -> None:
    """Remove it with all that is in it; another user's stays."""
    shutil.rmtree(folder, ignore_errors=True)


def leading_to(folder: Path) -> dict[str, str]:
    """Variables that lead temporary files into the folder, vLLM's sockets among them, unless the user has set theirs.

    What PyTorch compiled is not temporary: it stays where the next engine finds it.
    """
    usual = tempfile.gettempdir()
    sockets = str(folder) if len(str(folder)) <= LONGEST_FOLDER else usual
    kept = {"VLLM_RPC_BASE_PATH": sockets, "TORCHINDUCTOR_CACHE_DIR": os.path.join(usual, f"torchinductor_{_user()}")}
    return {"TMPDIR": str(folder), **{name: value for name, value in kept.items() if name not in os.environ}}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())
