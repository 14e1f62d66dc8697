"""What `joules workload` does beside looking: fetch a trace, and put the answer into a file."""

from __future__ import annotations

from pathlib import Path

import msgspec

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.workloads.downloads import DOWNLOADS, fetch
from reports.console import say, steps
from reports.render.text import to_lines
from reports.workload.answer import Answer
from reports.workload.page import renderables


def fetched(name: str, folder: Path, workload: str | None) -> str:
    """Fetch a published trace, say what is known of it, and name it for what follows.

    Raises:
        ConfigurationError: A workload was named as well, or there is no such download.
        DownloadFailed: It could not be fetched whole.
    """
    if workload is not None:
        raise ConfigurationError(f"--download {name} names the workload already; leave {workload} out")
    with steps() as step:
        got = fetch(name, folder, say=step)
    known = "as published" if got.verified else "which is not verified: no published checksum is known"
    found = "was there already" if got.was_there else "fetched"
    say(f"joules: {got.path} {found}, licence {DOWNLOADS[name].licence}, SHA-256 {got.sha256}, {known}")
    return str(got.path)


def rendered(answer: Answer, form: str, width: int) -> str:
    """The answer as the text of a file, with a line end."""
    if form == "json":
        return msgspec.json.format(msgspec.json.encode(answer)).decode() + "\n"
    return "\n".join(to_lines(renderables(answer), width=width, colour=False)) + "\n"
