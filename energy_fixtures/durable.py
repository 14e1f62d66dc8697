"""What must outlive a power cut: a file's content, and the name by which its folder knows it.

content   write, fsync the file
name      create or rename, fsync the folder; a new folder's own name is in the folder above
"""

from __future__ import annotations

import os
import re
from pathlib import Path


def publish(path: Path, content: bytes) -> Path:
    """Write a file so that a reader sees all of it or nothing, also after a power cut."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    keep_names(path.parent)
    return path


def remove_partials(folder: Path, name: str = "*") -> None:
    """Remove what `publish` was writing under `name` when its process was killed."""
    for partial in folder.glob(f".{name}.*.partial"):
        owner = re.search(r"\.(\d+)\.partial$", partial.name)
        if owner is not None and not Path("/proc", owner[1]).exists():
            partial.unlink(missing_ok=True)


def keep_names(folder: Path) -> None:
    """Make durable which files there are in `folder`: a file whose name is lost in a power cut is lost with it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """As `mkdir -p`, and durable."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        keep_names(folder.parent)
