"""What docs/evidence/run_board.sh left of one board: files in, records out, and whether they were measured.

OUT/*.json.gz                     a run each; doctor, truth-same and truth-layer are answers of `joules`
OUT/dataset/MACHINE/*.json.gz     runs of the predictor's sweep
OUT/commands.txt                  what was run and how it ended
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from energy_fixtures.errors import ConfigurationError, ResultFileError
from energy_fixtures.examination import Examination
from energy_fixtures.foreign import MOST_RESULT_BYTES, MOST_TABLE_BYTES, Refused, check_packed, from_json, read_file
from energy_fixtures.records import Environment, Result, Run
from energy_fixtures.store import decode_run
from reports.ab.page import OutcomeRecord
from reports.compare.rows import Report
from reports.render.text import NOT_MEASURED, plain

DATASET = "dataset"
REHEARSED = "REHEARSED"
"""How the head of commands.txt says that a call ran on the simulated board."""

SHOWN_FILES = 20
Answer = TypeVar("Answer", Report, OutcomeRecord, Examination)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One board's files.

    Attributes:
        name: Of the folder.
        runs: By file name without its endings, sorted; those of the dataset apart, in `dataset`.
        examination: What `joules doctor` found; None where it was not run.
        same, layer: Answers of the truth test: the same work twice, and one layer more.
        commands: Lines of commands.txt.
        problems: One sentence per file that cannot be read.
    """

    name: str
    runs: Mapping[str, Run]
    dataset: Mapping[str, Run]
    examination: Examination | None
    same: Report | None
    layer: OutcomeRecord | None
    commands: tuple[str, ...]
    problems: tuple[str, ...]

    def of(self, *stages: str) -> tuple[list[Result], dict[str, Environment]]:
        """Results and environments of every run whose name begins with one of these words, in order of their names."""
        chosen = [run for name, run in self.runs.items() if name.startswith(stages)]
        return [one for run in chosen for one in run.results], _environments(chosen)

    @property
    def everything(self) -> tuple[list[Result], dict[str, Environment]]:
        """All results and environments, the dataset's among them."""
        runs = [*self.runs.values(), *self.dataset.values()]
        return [one for run in runs for one in run.results], _environments(runs)

    @property
    def label(self) -> str | None:
        """Why nothing of this may be taken for measured; None where every joule was read off the board that worked."""
        reasons = dict.fromkeys(self._unmeasured())
        return f"REHEARSED, NOT MEASURED: {'; '.join(reasons)}" if reasons else None

    def _unmeasured(self) -> Iterator[str]:
        if any(line.startswith("#") and REHEARSED in line for line in self.commands):
            yield "run on a simulated board"
        if self.examination is not None:
            names = [str(board.facts.get("name")) for board in self.examination.boards]
            drivers = [str(board.facts.get("driver")) for board in self.examination.boards]
            if any("simulated" in word.lower() for word in (*names, *drivers)):
                yield "run on a simulated board"
        results, environments = self.everything
        for result in results:
            if (reason := why_not_measured(result, environments.get(result.environment))) is not None:
                yield reason


def why_not_measured(result: Result, environment: Environment | None) -> str | None:
    """Why the joules of a result are not those of a board that did its work, as a clause; None where they are."""
    if result.method in NOT_MEASURED:
        return f"joules {NOT_MEASURED[result.method]}"
    if environment is None:
        return "joules of a machine that the file does not name"
    facts = [str(board.get(field, "")) for board in environment.boards for field in ("name", "driver")]
    if any("simulated" in fact.lower() for fact in facts):
        return "run on a simulated board"
    if environment.engine.get("device") == "cpu" and any(domain.startswith("gpu") for domain in result.scope):
        return "joules of a board that did none of the work"
    return None


def read_evidence(folder: Path) -> Evidence:
    """Everything that a folder holds; what cannot be read is a problem, said on the page.

    Raises:
        ConfigurationError: There is no such folder.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"{folder} is no folder; name the one that docs/evidence/run_board.sh wrote to")
    found: dict[str, Run] = {}
    swept: dict[str, Run] = {}
    problems: list[str] = []
    seen = same = layer = None
    for path in _files(folder):
        name = path.name.removesuffix(".gz").removesuffix(".json")
        try:
            content = _content(path)
            if name == "doctor":
                seen = from_json(content, Examination)
            elif name == "truth-same":
                same = from_json(content, Report)
            elif name == "truth-layer":
                layer = from_json(content, OutcomeRecord)
            elif path.relative_to(folder).parts[0] == DATASET:
                swept[name] = decode_run(content, path.name)
            else:
                found[name] = decode_run(content, path.name)
        except (OSError, EOFError, zlib.error, Refused, ResultFileError, msgspec.MsgspecError) as error:
            problems.append(plain(f"{path.name} is left out: {error}"))
    problems += [
        plain(f"{name} was cut off: run its stage again") for name, run in found.items() if run.unfinished is not None
    ]
    return Evidence(
        name=folder.resolve().name,
        runs=found,
        dataset=swept,
        examination=seen,
        same=same,
        layer=layer,
        commands=_commands(folder / "commands.txt", problems),
        problems=tuple(problems),
    )


def _files(folder: Path) -> Sequence[Path]:
    """Result files by name; where one lies there packed and unpacked, the packed one, which is whole."""
    places = [*folder.glob("*.json*"), *folder.glob(f"{DATASET}/*/*.json*")]
    found = {path for path in places if path.name.endswith((".json", ".json.gz")) and not path.name.startswith(".")}
    packed = {path.with_name(path.name.removesuffix(".gz")) for path in found if path.suffix == ".gz"}
    return sorted(found - packed)


def _content(path: Path) -> bytes:
    if path.suffix != ".gz":
        return read_file(path, MOST_RESULT_BYTES)
    check_packed(path)
    with gzip.open(path) as packed:
        return packed.read()


def _commands(path: Path, problems: list[str]) -> tuple[str, ...]:
    try:
        return tuple(read_file(path, MOST_TABLE_BYTES).decode("utf-8", "replace").splitlines())
    except OSError:
        problems.append("commands.txt is missing: nobody knows what was run")
    except Refused as error:
        problems.append(f"commands.txt is left out: {error}")
    return ()


def _environments(runs: Sequence[Run]) -> dict[str, Environment]:
    return {key: one for run in runs for key, one in run.environments.items()}
