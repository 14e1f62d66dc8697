"""Where commands write to: the terminal in its width and colours, or plain text where there is none."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.store import publish

COLUMNS = 100  # where no terminal says how wide it is


def print_report(renderables: Iterable[Any]) -> None:
    """As wide as the terminal and in its colours; COLUMNS wide and without colour where there is none, or NO_COLOR says so."""
    from reports.render.text import to_lines

    on_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if on_terminal else COLUMNS
    colour = on_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    for line in to_lines(renderables, width=width, colour=colour):
        print_text(line)


def print_json(record: Any) -> None:
    """A record, or anything that msgspec can encode, indented; not-a-number and infinity become null."""
    import msgspec

    from reports.render.text import plain_json

    print_text(plain_json(msgspec.json.format(msgspec.json.encode(record)).decode()))


def print_text(text: str) -> None:
    """One line, or several."""
    sys.stdout.write(f"{text}\n")


def say(line: str) -> None:
    """Beside the answer: progress and notes, to the terminal that errors go to."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@contextlib.contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """Says what is being done on one line of the terminal that errors go to; says nothing where there is none."""
    if not sys.stderr.isatty():
        yield lambda step: None
        return
    from rich.console import Console

    with Console(stderr=True).status("") as line:
        yield lambda step: line.update(step)


def write_text(path: Path, content: str | bytes, *, option: str = "-o", inputs: Sequence[Path] = ()) -> None:
    """Write a file as a whole or not at all.

    Args:
        path: Where to.
        content: The whole file; text is written as UTF-8.
        option: How the user named it, for the sentence.
        inputs: Files that the answer is made from, which are never written over.

    Raises:
        ConfigurationError: It is one of the inputs, a folder, or cannot be written.
    """
    if any(path.exists() and one.exists() and path.samefile(one) for one in inputs):
        raise ConfigurationError(f"{option} {path} is what the answer is made from; name another file")
    if path.is_dir():
        raise ConfigurationError(f"{option} {path} is a folder; name a file in it")
    try:
        publish(path, content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise ConfigurationError(f"{option} {path} cannot be written: {error.strerror}") from error
