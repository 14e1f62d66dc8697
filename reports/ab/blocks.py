"""One block: one pytest session of one side in a process of its own, and the results that it wrote."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.records import Run
from energy_fixtures.store import read_run
from reports.ab.merge import metered_j
from reports.ab.order import Done, Name
from reports.ab.process import run_to_end, tail
from reports.ab.sides import Side

OURS = ("json", "save", "autosave", "compare", "compare-fail")
"""Options `--energy-...` that `joules ab` sets or replaces; a side that saved or compared by itself would gate twice."""

BENCHMARK_STORAGE = ".benchmarks"  # pytest-benchmark's default

NOT_OK = {1: "a test failed", 2: "a file cannot be collected, or pytest was interrupted", 3: "pytest itself failed"}
PYTEST_USAGE, PYTEST_NOTHING = 4, 5


@dataclass(frozen=True, kw_only=True)
class Block:
    """What a session left behind.

    Attributes:
        side: Whose it was.
        run: Its results; None where no case was finished.
        file: The document that they were read from.
        took_s: From its start to its end, loading included.
        failure: Why it counts as failed, with the end of its output; None when all tests passed.
    """

    side: Name
    run: Run | None
    file: Path
    took_s: float
    failure: str | None

    @property
    def done(self) -> Done:
        """As `order` wants it."""
        return Done(side=self.side, took_s=self.took_s, energy_j=self.energy_j, valid=self.valid)

    @property
    def energy_j(self) -> float:
        """Joules inside its metered windows."""
        return 0.0 if self.run is None else metered_j([self.run])

    @property
    def valid(self) -> Mapping[str, int]:
        """Valid trials by case."""
        return {} if self.run is None else {result.fullname: len(result.valid_trials) for result in self.run.results}


class Interrupted(KeyboardInterrupt):
    """Ctrl-C inside a block, whose finished cases are not lost."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.block = block


def check_arguments(arguments: Sequence[str]) -> None:
    """Refuse what does not go together with blocks in turn, before anything is started.

    Raises:
        ConfigurationError: Workers, or an option that `joules ab` sets itself.
    """
    for index, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name in ("-n", "--numprocesses"):
            value = value or next(iter(arguments[index + 1 : index + 2]), "")
        elif name.startswith("-n") and not name.startswith("--"):
            name, value = "-n", name.removeprefix("-n")
        if name in ("-n", "--numprocesses", "--dist", "--tx") and value not in ("0", "no"):
            raise ConfigurationError(
                f"{argument} asks for xdist workers: a board's counter cannot tell workers apart; leave it out"
            )
        if name.removeprefix("--energy-") in OURS and name.startswith("--energy-"):
            raise ConfigurationError(
                f"{name} does not go with joules ab, which keeps and compares both sides itself; leave it out "
                "(--save FOLDER keeps the results, --fail METRIC:STAT:LIMIT judges them)"
            )


def run_block(side: Side, index: int, block_rounds: int, scratch: Path) -> Block:
    """Run pytest once for a side.

    Args:
        side: Whose.
        index: Number of the block, from 0, for its files' names.
        block_rounds: Valid trials wanted of each case; pytest's own arguments may say otherwise.
        scratch: Where the result and the output go.

    Raises:
        Interrupted: Ctrl-C; the session's processes are gone, and what it finished is in the block.
        ConfigurationError: pytest refused its arguments, or selected nothing.
        ResultFileError: What it wrote cannot be read.
    """
    file, log = scratch / f"block-{index}.json", scratch / f"block-{index}.log"
    command = [str(side.python), "-m", "pytest", *_settings(scratch), f"--energy-min-rounds={block_rounds}"]
    command += [*side.arguments, f"--energy-json={file}"]
    began_s = time.monotonic()
    try:
        with _storage_stays(side.folder):
            status = run_to_end(command, folder=side.folder, environ=side.environ, log=log)
    except KeyboardInterrupt:
        raise Interrupted(_block(side, file, began_s, None)) from None
    if status == PYTEST_USAGE:
        raise ConfigurationError(f"pytest refuses the arguments of side {side.name} ({side.label}):", below=tail(log))
    if status == PYTEST_NOTHING:
        raise ConfigurationError(f"side {side.name} ({side.label}) selects no case:", below=tail(log))
    block = _block(side, file, began_s, None)
    if status == 0 and block.run is None:
        raise ConfigurationError(f"side {side.name} ({side.label}) measures no energy:", below=tail(log))
    failure = None
    if status != 0:
        why = NOT_OK.get(status, f"pytest ended with status {status}")
        failure = f"side {side.name} ({side.label}): {why}\n{tail(log)}"
    return replace(block, failure=failure)


def _block(side: Side, file: Path, began_s: float, failure: str | None) -> Block:
    run = read_run(file) if file.is_file() else None
    return Block(side=side.name, run=run, file=file, took_s=time.monotonic() - began_s, failure=failure)


@contextlib.contextmanager
def _storage_stays(folder: Path) -> Iterator[None]:
    """pytest-benchmark makes its storage folder whether it saves or not; an empty one that was not there goes again."""
    storage = folder / BENCHMARK_STORAGE
    there = storage.exists()
    try:
        yield
    finally:
        if not there:
            with contextlib.suppress(OSError):  # not made, or not empty
                storage.rmdir()


def _settings(scratch: Path) -> list[str]:
    """Ini settings for this session alone: nothing is saved, compared or cached beside our file."""
    settings = {"energy_autosave": "false", "cache_dir": str(scratch / "cache")}
    empty = ("energy_save", "energy_json", "energy_compare", "energy_compare_fail")
    pairs = [*settings.items(), *((name, "") for name in empty)]
    return [word for name, value in pairs for word in ("-o", f"{name}={value}")]
