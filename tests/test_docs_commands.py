"""Commands of README and docs are typed as they stand: those of `joules` run, those of pytest select something."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from glob import glob
from pathlib import Path
from typing import NamedTuple

import pytest

from energy_fixtures.store import Head, Store, read_run
from reports.cli import main
from tests.conftest import make_environment, make_result, make_scenario

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

NOT_RUN_HERE = {
    "ab": "measures for minutes",
    "calibrate": "measures for minutes",
    "doctor": "measures for a minute",
    "sweep": "measures",
    "history": "needs runs over time; tests/reports/series",
    "live": "shows a run that goes on; tests/reports/live",
    "storage": "needs a store; tests/energy_fixtures/storage",
    "estimate --check": "draws for half a minute; tests/reports/estimate",
    "predict evaluate": "fits many times over; tests/reports/predict",
    "serving": "needs a run with arrivals; tests/reports/serving",
}
"""Commands whose options are checked alone."""
NETWORK = ("--download", "s3://", "gs://", "--ray", "--tokenizer")
FAILING = ("--fail",)


class Typed(NamedTuple):
    """One line that a page tells its reader to type."""

    page: str
    line: str

    def __str__(self) -> str:
        return f"{self.page}: {self.line}"


def typed(program: str) -> list[Typed]:
    """Every line of every page that begins with this program, once, without its comment."""
    found: dict[str, Typed] = {}
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                command = shlex.join(shlex.split(line, comments=True)) if line.strip() else ""
                if command.split(" ")[0] == program:
                    found.setdefault(command, Typed(page.name, command))
    return list(found.values())


def with_help(arguments: list[str]) -> list[str]:
    """The same with --help among its own options: it is answered once all options were read, and nothing is run."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return [*arguments[:end], "--help"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a reader of the pages has: saved runs, runs as files, a trace, a table, a scenario file, a model's folder."""
    place = tmp_path_factory.mktemp("reader")
    head = Head(machine_info={}, commit_info={}, datetime="2026-01-01T00:00:00+00:00", version="5.3.1")
    for number, (name, joules) in enumerate([("before", 8.0), ("after", 8.1), ("third", 8.0), ("x", 8.0)]):
        writer = Store(place / ".benchmarks", "machine").begin(name, head)
        for engine, more in (("vllm", 0.0), ("transformers", 4.0)):
            scenario = make_scenario(engine=engine, model="shape:llama-3.1-8b", output_tokens=4)
            values = tuple(joules + more + step for step in (0.0, 0.02, -0.02, 0.01, -0.01))
            result = make_result(f"test_x[{engine}-greedy-b4]", values, scenario=scenario)
            writer.append(result, make_environment(), {"name": result.fullname})
        path = writer.close()
        assert path is not None
        for copy in {0: ("before", "a100", "h200"), 1: ("after", "run")}.get(number, ()):
            shutil.copy(path, place / f"{copy}.json")
    (seventh,) = (place / ".benchmarks" / "machine").glob("0004_*")
    seventh.rename(seventh.with_name("0007_x.json"))
    assert read_run(place / "after.json").results
    (place / "trace.csv").write_text(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        + "".join(f"2026-01-01 00:00:{second:02d},{100 + second},{10 + second}\n" for second in range(60))
    )
    toml = re.search(r"```toml\n(title = .*?)```", (ROOT / "docs" / "estimating.md").read_text(), re.DOTALL)
    assert toml is not None
    (place / "ours.toml").write_text(toml[1])
    (place / "my-model").mkdir()
    config = {"hidden_size": 1024, "num_hidden_layers": 12, "num_attention_heads": 16, "num_key_value_heads": 4,
              "intermediate_size": 3072, "vocab_size": 32000, "model_type": "llama"}  # fmt: skip
    (place / "my-model" / "config.json").write_text(json.dumps(config))
    for name in ("AzureLLMInferenceTrace_conv.csv.gz",):
        if (DATA / name).exists():
            (place / name).symlink_to(DATA / name)
    if (DATA / "table4_train.csv").exists():
        rows = (DATA / "table4_train.csv").read_text().splitlines(keepends=True)
        (place / "table.csv").write_text("".join(itertools.islice(rows, 40)))
    return place


def names_files(arguments: list[str]) -> Iterator[str]:
    """Arguments that are files of the reader's own."""
    return (one for one in arguments if one.endswith((".csv", ".csv.gz")) and not one.startswith("-"))


@pytest.mark.parametrize("command", typed("joules"), ids=str)
def test_commands_of_the_pages_work(
    command: Typed, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Every `joules` line that a page shows exists with all its options, and gives an answer where that takes no minutes."""
    line, _, written = command.line.partition(" '>' ")
    _, *arguments = shlex.split(line)
    monkeypatch.chdir(folder)
    assert main(with_help(arguments)) == 0, capsys.readouterr().err
    if {arguments[0], " ".join(arguments[:2])} & NOT_RUN_HERE.keys() or any(word in line for word in NETWORK):
        return
    capsys.readouterr()
    missing = [one for one in names_files(arguments) if not (folder / one).exists() and one not in written]
    outputs = [
        arguments[place + 1] for place, one in enumerate(arguments) if one in ("-o", "--out", "--plot", "--plots")
    ]
    if [one for one in missing if one not in outputs]:
        pytest.skip(f"published data is not beside the checkout: {', '.join(missing)}")
    expanded = [found for one in arguments for found in (glob(one) if "*" in one else [one])]

    few = ["--draws", "20000"] if arguments[0] == "estimate" else []
    status = main([*expanded, *few])

    said = capsys.readouterr()
    assert status in ((0, 1) if any(word in line for word in FAILING) else (0,)), said.err
    assert said.out or outputs


@pytest.mark.parametrize("command", typed("pytest"), ids=str)
def test_selections_of_the_pages_are_not_empty(command: Typed, tmp_path: Path):
    """Every `pytest` line that a page shows selects at least one case, and pytest knows all its options."""
    line = command.line.replace("$M", "shape:llama-3.1-8b")
    braces = re.sub(r"'?(\S*)\{([\w,]+)\}(\S*?)'?(?= |$)",
                    lambda found: " ".join(f"{found[1]}{name}{found[3]}" for name in found[2].split(",")), line)  # fmt: skip
    _, *arguments = shlex.split(braces)
    if "--energy-server" in arguments:  # nobody serves there
        place = arguments.index("--energy-server")
        del arguments[place : place + 2]
    arguments = [one for one in arguments if one != "--energy-compare=0001"]
    command_line = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command_line, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert done.stdout.strip()
