"""The last lines of an engine's log that tell a person something."""

from __future__ import annotations

import os
import re
from typing import BinaryIO

MAX_LINES = 15
MAX_BYTES = 4096
READ_BACK_BYTES = 65536  # far more than fifteen lines, unless they are progress bars

ANSI = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\-_])")
CONTROL = re.compile(r"[^\S\t ]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
PROGRESS = re.compile(r"\d+%\s*\||\d+(\.\d+)?\s?(it|s)/(s|it)\b|\|\s*\d+/\d+\s*\[")


def log_tail(log: BinaryIO) -> str:
    """The last informative lines of `log`, at most 15 of them and 4 kB: no progress bars, no control characters."""
    size = os.fstat(log.fileno()).st_size
    start = max(0, size - READ_BACK_BYTES)
    # pread leaves the offset alone, which this file shares with the process that writes it
    text = os.pread(log.fileno(), READ_BACK_BYTES, start).decode(errors="replace")
    return informative(text)


def informative(text: str) -> str:
    """The last informative lines of `text`, see `log_tail`."""
    lines = []
    for line in text.split("\n"):
        shown = line.rstrip("\r").rsplit("\r", 1)[-1]  # what a terminal would still show of it
        shown = CONTROL.sub("", ANSI.sub("", shown)).rstrip()
        if shown and not PROGRESS.search(shown):
            lines.append(shown)
    tail = "\n".join(lines[-MAX_LINES:]).encode()
    return tail[-MAX_BYTES:].decode(errors="ignore")
