"""A plan from pytest's own collection, so that every flag that selects means what it means on one machine."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import msgspec

from energy_fixtures.errors import ConfigurationError, JoulesError
from energy_fixtures.origin import origin_of
from energy_fixtures.record import digest
from reports.ab.process import run_to_end, tail
from reports.sweep.order import LISTING
from reports.sweep.plan import PLAN_VERSION, Case, Listing, Plan, grouped

USAGE, NOTHING = 4, 5

ALONE = {
    "-n": "asks for xdist workers: a board's counter cannot tell workers apart",
    "--numprocesses": "asks for xdist workers: a board's counter cannot tell workers apart",
    "--dist": "asks for xdist workers: a board's counter cannot tell workers apart",
    "--tx": "asks for xdist workers: a board's counter cannot tell workers apart",
    "--collect-only": "runs nothing: --dry-run shows the plan",
    "--co": "runs nothing: --dry-run shows the plan",
    "-x": "stops at a failure, and groups that run on other nodes would not know",
    "--exitfirst": "stops at a failure, and groups that run on other nodes would not know",
    "--maxfail": "stops at a failure, and groups that run on other nodes would not know",
    "--sw": "goes on from a failure of one machine",
    "--stepwise": "goes on from a failure of one machine",
    "--setup-only": "runs no test",
    "--setup-plan": "runs no test",
    "--fixtures": "runs no test",
    "--fixtures-per-test": "runs no test",
    "--cache-show": "runs no test",
    "--pdb": "waits for somebody at a keyboard",
    "--trace": "waits for somebody at a keyboard",
    "--energy-resume": "goes on with a session of one machine; a sweep goes on by itself, or with --resume",
    "--energy-server": "names a server of this machine, which nodes do not see",
    "--energy-disable": "measures nothing",
    "--energy-skip": "measures nothing",
    "--benchmark-disable": "measures nothing",
}
"""pytest's options that do not go with a sweep, and why."""

ADDOPTS = "PYTEST_ADDOPTS"


def words_of(arguments: Sequence[str], environ: Mapping[str, str]) -> tuple[str, ...]:
    """All that pytest would be called with: PYTEST_ADDOPTS is written into the plan, so that every machine has the same.

    Raises:
        ConfigurationError: Its quotes do not match.
    """
    try:
        return (*shlex.split(environ.get(ADDOPTS, "")), *arguments)
    except ValueError as error:
        raise ConfigurationError(f"{ADDOPTS} cannot be taken apart ({error}); mend its quotes") from error


def check_arguments(arguments: Sequence[str]) -> None:
    """Refuse what does not go together with a sweep, before anything is started; `listing` looks at what pytest made of it.

    Raises:
        ConfigurationError: Naming the option, and why.
    """
    for index, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name.startswith("-n") and not name.startswith("--"):
            name, value = "-n", name.removeprefix("-n").removeprefix("=") or value
        if name in ("-n", "--numprocesses") and not value:
            value = next(iter(arguments[index + 1 : index + 2]), "")
        if name in ("-n", "--numprocesses", "--dist") and value in ("0", "no"):
            continue
        if name in ALONE:
            raise ConfigurationError(f"{argument} does not go with joules sweep: it {ALONE[name]}; leave it out")


def collect(arguments: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Listing:
    """Collect in a process of its own; nothing is run.

    Raises:
        ConfigurationError: pytest refuses its arguments, or they select nothing that measures energy.
        JoulesError: A file cannot be collected; with the end of pytest's output.
    """
    with tempfile.TemporaryDirectory(prefix="joules-sweep-") as scratch:
        file, log = Path(scratch) / "listing.json", Path(scratch) / "log"
        command = [sys.executable, "-m", "pytest", *arguments, "-q", "--color=no", "-p", "reports.sweep.listing"]
        status = run_to_end(command, folder=folder, environ={**environ, LISTING: str(file)}, log=log)
        if status == USAGE:
            raise ConfigurationError("pytest refuses what follows --:", below=tail(log))
        if status == NOTHING:
            raise ConfigurationError("nothing is selected:", below=tail(log))
        if status != 0 or not file.exists():
            raise JoulesError("the cases cannot be collected:", below=tail(log))
        listing = msgspec.json.decode(file.read_bytes(), type=Listing)
    if not any(case.measures for case in listing.cases):
        raise ConfigurationError(
            "no selected test measures energy, so there is nothing to sweep; name some that use the energy fixture"
        )
    return listing


def plan_of(
    listing: Listing, arguments: Sequence[str], folder: Path, accelerator: str | None, outputs: Collection[Path]
) -> Plan:
    """The plan of a collection; see `code_of` for its outputs.

    Raises:
        ConfigurationError: Every case is skipped; with the first reason.
    """
    groups = grouped(listing.cases)
    if not groups:
        reason = next((case.skip for case in listing.cases if case.skip is not None), "?")
        raise ConfigurationError(f"every selected case is skipped, the first one because: {reason}")
    return Plan(
        version=PLAN_VERSION,
        arguments=tuple(arguments),
        code=code_of(listing.cases, folder / listing.root, outputs),
        cases=listing.cases,
        groups=groups,
        accelerator=accelerator,
        root=listing.root,
    )


def environ_for(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment with this code first on PYTHONPATH: pytest's plugins are those that the driver runs, and its options
    those of the plan.
    """
    sources = str(Path(__file__).resolve().parents[2])
    path = dict.fromkeys(filter(None, (sources, *environ.get("PYTHONPATH", "").split(os.pathsep))))
    kept = {name: value for name, value in environ.items() if name != ADDOPTS}
    return {**kept, "PYTHONPATH": os.pathsep.join(path)}


def code_of(cases: Sequence[Case], root: Path, outputs: Collection[Path]) -> str:
    """A digest of the code that the cases are measured with: see `energy_fixtures.origin`.

    Args:
        cases: Of the plan.
        root: pytest's root folder.
        outputs: Files and folders that the sweep writes itself.
    """
    files = {root / case.nodeid.partition("::")[0] for case in cases}
    return digest(origin_of(root, {file for file in files if file.is_file()}, outputs, {}))
