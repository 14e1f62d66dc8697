"""The `joules` command as a person types it: what it prints, and its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib

import msgspec
import pytest

import reports.cli
from energy_fixtures.examination import Examination
from reports.cli import main

NO_MACHINE = {"ZEUSD_SOCK_PATH": "", "CUDA_VISIBLE_DEVICES": ""}


@pytest.fixture
def no_meter(monkeypatch):
    """A machine without any meter, whatever this one has."""
    from energy_fixtures.doctor import examine, sources

    monkeypatch.setattr(examine, "this_machine", lambda: sources.Machine(missing=("no GPU: none; install one",)))


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help(arguments, capsys):
    """Alone, or with --help, it lists its commands and ends well."""
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "Usage: joules" in printed
    assert "doctor" in printed


def test_help_of_a_command(capsys):
    """Each option of the doctor stands in its help."""
    assert main(["doctor", "--help"]) == 0
    printed = capsys.readouterr().out
    assert all(option in printed for option in ("--seconds", "--quick", "--json"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["doktor"], ("No such command 'doktor'", "'doctor'", "(see joules --help)")),
        (["doctor", "--seconds", "x"], ("Invalid value for '--seconds'", "(see joules doctor --help)")),
        (["doctor", "--seconds", "1"], ("--seconds is 1; it needs 5 to 3600",)),
        (["doctor", "--quick", "--seconds", "9"], ("--quick says how long already; leave it or --seconds out",)),
        (["doctor", "--jsn"], ("No such option", "--jsn", "--json")),
        (["doctor", "now"], ("unexpected extra argument",)),
    ],
)
def test_wrong_use_is_told_in_one_sentence(arguments, words, capsys):
    """What cannot be asked ends with status 4, as in pytest, and one line that says what is wrong and what would do."""
    assert main(arguments) == 4
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("joules: ")
    assert printed.err.count("\n") == 1
    assert all(word in printed.err for word in words), printed.err


def test_doctor_without_a_meter(no_meter, capsys):
    """Where nothing can be measured it says so, plainly, and ends well."""
    assert main(["doctor"]) == 0
    printed = capsys.readouterr()
    assert "verdict: no measured joules here" in printed.out
    assert "missing no GPU: none; install one" in printed.out
    assert "\x1b" not in printed.out + printed.err


def test_doctor_as_json(no_meter, capsys):
    """--json prints one Examination and nothing else."""
    assert main(["doctor", "--json"]) == 0
    printed = capsys.readouterr()
    seen = msgspec.json.decode(printed.out, type=Examination)
    assert not seen.verdict.measured
    assert json.loads(printed.out)["schema_version"] == seen.schema_version
    assert printed.err == ""


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [(KeyboardInterrupt(), 130, ""), (reports.cli.JoulesError("so it is"), 1, "joules: so it is\n")],
)
def test_ends_by_what_happened(error, status, said, monkeypatch, capsys):
    """An interruption and an error of the machine have their own exit status, and no traceback."""
    from energy_fixtures.doctor import examine

    def fail() -> None:
        raise error

    monkeypatch.setattr(examine, "this_machine", fail)
    assert main(["doctor"]) == status
    assert capsys.readouterr().err == said


def test_on_this_machine_as_a_process(request):
    """The command of the installed package runs on whatever machine this is, and help needs nothing heavy."""
    root = request.config.rootpath
    script = "import sys\nfrom reports.cli import main\nstatus = main(['--help'])\n"
    script += "heavy = [name for name in ('scipy', 'zeus', 'pynvml', 'psutil', 'pytest') if name in sys.modules]\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{script}sys.exit(status or heavy or 0)"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert tomllib.loads((root / "pyproject.toml").read_text())["project"]["scripts"] == {"joules": "reports.cli:main"}


def test_closed_pipe(request):
    """A reader that stops reading, such as `head`, ends it without a traceback."""
    script = "import sys\nfrom reports.cli import main\nsys.exit(main(['doctor', '--json', '--seconds', '5']))"
    root = request.config.rootpath
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=root,
        env={
            **os.environ,
            **NO_MACHINE,
            "PYTHONPATH": str(root),
            "PYTHONUNBUFFERED": "",
        },  # what is buffered is written last
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    said = process.stderr.read().decode()
    process.stderr.close()

    process.wait(timeout=60)
    assert said == ""
