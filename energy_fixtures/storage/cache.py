"""The folder of this program's own files on this machine: copies that may go, and results that wait to be sent."""

from __future__ import annotations

import os
from pathlib import Path

from energy_fixtures.errors import ConfigurationError

NAME = "pytest-joules"


def cache_folder(*parts: str) -> Path:
    """A folder of ours, made where it is missing; for this user's eyes only.

    `XDG_CACHE_HOME` where it is set, as the XDG base directory specification says, `~/.cache` otherwise.

    Raises:
        ConfigurationError: It cannot be made.
    """
    named = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(named) if os.path.isabs(named) else Path.home() / ".cache"  # the specification ignores a relative one
    folder = root.joinpath(NAME, *parts)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigurationError(
            f"cannot make the folder {folder} ({error.strerror}); name a writable one with XDG_CACHE_HOME"
        ) from error
    return folder
