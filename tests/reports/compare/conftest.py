"""Saved runs, and `joules compare` as a person types it."""

from __future__ import annotations

import msgspec
import pytest

from reports.cli import main


@pytest.fixture
def saved(tmp_path, run_of):
    """Writes results to a file as the store does, and names it."""

    def write(name, *results, **fields):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(
            msgspec.json.format(msgspec.json.encode({"benchmarks": [], "energy": run_of(*results, **fields)}))
        )
        return str(path)

    return write


@pytest.fixture
def compared(capsys):
    """Runs the command: exit status, standard output, standard error."""

    def run(*arguments):
        status = main(["compare", *arguments])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run
