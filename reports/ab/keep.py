"""Both sides as two result files in the usual format, for --energy-compare and joules compare."""

from __future__ import annotations

from pathlib import Path

import msgspec

from energy_fixtures.errors import ConfigurationError, ResultFileError
from energy_fixtures.records import Run
from energy_fixtures.store import Head, begin_file
from energy_fixtures.timing import entry_of

FILES = ("a.json", "b.json")


def check_folder(folder: Path) -> None:
    """Make sure, before anything is measured, that the results can be kept there.

    Raises:
        ConfigurationError: It cannot be made or written, or holds such files already.
    """
    for name in FILES:
        if (folder / name).exists():
            raise ConfigurationError(f"--save {folder}: {name} is there already; name another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".joules-ab"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigurationError(f"--save {folder} cannot be written: {error.strerror}") from error


def keep(run: Run, block: Path, path: Path) -> Path:
    """Write one side.

    Args:
        run: All its blocks merged.
        block: The document of one of its blocks, which says machine and commit.
        path: Where to.

    Raises:
        ResultFileError: It cannot be written.
    """
    head = msgspec.json.decode(block.read_bytes(), type=Head)
    try:
        writer, _ = begin_file(path, head)
        for result in run.results:
            writer.append(result, run.environments[result.environment], entry_of(result))
        published = writer.close()
    except OSError as error:
        raise ResultFileError(f"cannot write {path}: {error.strerror}") from error
    assert published is not None  # a run that is kept has results
    return published
