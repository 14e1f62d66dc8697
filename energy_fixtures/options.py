"""Every `--energy-*` option of the measuring half, its ini twin, and the one place where their defaults stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from energy_fixtures.environment import accelerator_present
from energy_fixtures.errors import ConfigurationError
from energy_fixtures.meters.probe import missing_gpu
from energy_fixtures.option_table import SWITCHES, VALUES, Option
from energy_fixtures.serving.records import ServiceLevel

if TYPE_CHECKING:
    from energy_fixtures.serving.client import Address
    from energy_fixtures.storage.location import Location

BENCHMARK_STORAGE = ".benchmarks"  # pytest-benchmark's own default


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the user asked for, checked.

    Attributes:
        meter: `auto`, `zeus`, `modelled`, `replay:FILE` or `simulated[:SPEC]`.
        domains: Comma list of domains to meter, None for all.
        cpu_watts: `IDLE:LOAD` watts per core for the modelled meter, None for its table.
        models: Names of the models under test, at least one.
        workload: Trace or generator whose requests the replay cases take.
        draft_model: Draft for speculation, None for the catalogue's.
        device: Where engines run; "auto" takes a GPU where one is.
        dtype: Overrides "auto" of scenarios.
        trust_remote_code: Model names whose own code may run.
        max_rounds, max_joules: Until then a case gets more rounds while its verdict is open. None: no limit.
        rounds, warmup_rounds, min_window_s, max_time_s, cooldown_s: See `protocol.Plan`.
        min_window_s, max_warmup_s, max_error, idle_s: None suits the meter.
        phases: Measure prefill apart as well.
        timeout_s: Longest wait for one step of an engine.
        server: A server that runs already, for the serving cases; None for one of our own.
        service_level: What is asked of their latencies.
        rates: Lowest and highest requests per second to look for the cheapest one between.
        save: Name of the run to save, None for not by name. autosave: Save under commit and time.
        storage: Folder of all runs. shared: The store that takes its place, None for none. json: Where to write the document in addition.
        resume: Go on with the run that was cut off.
        settings: By flag, the options away from their default on which results hang.
        skip, only, disabled: As `--benchmark-skip`, `-only`, `-disable`.
    """

    meter: str
    domains: str | None
    cpu_watts: str | None
    models: tuple[str, ...]
    workload: str = "burstgpt-like"
    draft_model: str | None
    device: Literal["auto", "cpu", "cuda"]
    dtype: str
    trust_remote_code: frozenset[str]
    rounds: int
    max_rounds: int = 20
    max_joules: float | None = None
    warmup_rounds: int
    min_window_s: float | None
    max_time_s: float
    max_warmup_s: float | None = None
    max_error: float | None = None
    cooldown_s: float = 0.0
    idle_s: float | None = None
    phases: bool = False
    timeout_s: float
    server: Address | None = None
    service_level: ServiceLevel | None = None
    rates: tuple[float, float] | None = None
    save: str | None
    autosave: bool
    storage: Path
    shared: Location | None = None
    json: Path | None
    resume: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    skip: bool
    only: bool
    disabled: bool


def add_options(parser: pytest.Parser) -> None:
    """Register every option and its ini twin (`--energy-min-rounds` is `energy_min_rounds`)."""
    group = parser.getgroup("energy", "energy as a test result (pytest-joules)")
    for option in VALUES:
        extra: dict[str, Any] = {"choices": option.choices} if option.choices else {"metavar": option.metavar}
        action = "append" if option.repeatable else "store"
        group.addoption(option.flag, action=action, default=None, dest=option.dest, help=option.help, **extra)
        parser.addini(option.dest, option.help, type="args" if option.repeatable else "string", default=None)
    for option in SWITCHES:
        group.addoption(option.flag, action="store_true", default=None, dest=option.dest, help=option.help)
        parser.addini(option.dest, option.help, type="bool", default=False)


def read_options(config: pytest.Config) -> Options:
    """Command line before ini file before pytest-benchmark's shared setting before default.

    Raises:
        ConfigurationError: A value that cannot be what its option needs; the sentence names the option.
    """
    value = {option.name: _value(config, option) for option in (*VALUES, *SWITCHES)}
    named: Location | None = value["storage"]
    shared = named if named is not None and named.shared else None
    saves = bool(value["save"] or value["autosave"]) and shared is None
    storage = named.folder if named is not None and shared is None else _benchmark_storage(config, needed=saves)
    trusted = frozenset(value["trust-remote-code"])
    for name in trusted - {*value["model"], value["draft-model"]}:
        raise ConfigurationError(
            f"--energy-trust-remote-code={name} names no model of this run; give a name exactly as in --energy-model"
        )
    if value["resume"] and not (value["save"] or value["autosave"] or value["json"]):
        raise ConfigurationError(
            "--energy-resume goes on with a saved run, and this session saves none; add the --energy-autosave,"
            " --energy-save or --energy-json of the session that was cut off"
        )
    if value["rate-search"] is not None and value["slo"] is None:
        raise ConfigurationError("--energy-rate-search looks for a rate that meets --energy-slo; give both")
    return Options(
        meter=value["meter"],
        domains=value["domains"],
        cpu_watts=value["cpu-watts"],
        models=tuple(dict.fromkeys(value["model"])),
        workload=value["workload"],
        draft_model=value["draft-model"],
        device=value["device"],
        dtype=value["dtype"],
        trust_remote_code=trusted,
        rounds=value["min-rounds"],
        max_rounds=value["max-rounds"],
        max_joules=value["max-joules"],
        warmup_rounds=value["warmup-rounds"],
        min_window_s=value["min-window"],
        max_time_s=value["max-time"],
        max_warmup_s=value["max-warmup"],
        max_error=value["max-error"],
        cooldown_s=value["cooldown"],
        idle_s=value["idle"],
        phases=value["phases"],
        timeout_s=value["timeout"],
        server=value["server"],
        service_level=value["slo"],
        rates=value["rate-search"],
        save=value["save"],
        autosave=value["autosave"],
        storage=Path(storage),
        shared=shared,
        json=None if value["json"] is None else Path(value["json"]),
        resume=value["resume"],
        settings={
            option.flag: str(value[option.name])
            for option in (*VALUES, *SWITCHES)
            if option.decides and value[option.name] != option.default
        },
        skip=value["skip"] and not value["only"],
        only=value["only"],
        disabled=value["disable"],
    )


def refuse_workers(config: pytest.Config) -> None:
    """Energy options beside pytest-xdist's workers are a contradiction, told before anything starts.

    Raises:
        ConfigurationError: Workers were asked for together with one of our options.
    """
    workers = config.getoption("dist", default="no") != "no" and not hasattr(config, "workerinput")
    given = [option.flag for option in (*VALUES, *SWITCHES) if config.getoption(option.dest) is not None]
    measuring = not (config.getoption("energy_skip") or config.getoption("energy_disable"))
    if workers and given and measuring:
        raise ConfigurationError(
            f"{given[0]} with xdist workers: a board's counter cannot tell workers apart; run with -n 0"
        )


def refuse_missing_gpu(options: Options) -> None:
    """`--energy-device=cuda` on a machine that shows no GPU, told once instead of by every case.

    Raises:
        ConfigurationError: Neither a device file nor the driver knows a GPU.
    """
    reason = None if options.device != "cuda" or accelerator_present() else missing_gpu()
    if reason is not None:  # WSL has a driver and no device file
        raise ConfigurationError(f"--energy-device=cuda, but there is {reason}; or leave the option out")


def _value(config: pytest.Config, option: Option) -> Any:
    given = config.getoption(option.dest)
    if given is None:
        given = config.getini(option.dest) or None
    if given is None:
        return option.default
    if given == "":
        raise ConfigurationError(f"{option.flag}= is empty; give a value or leave the option out")
    if option.choices and given not in option.choices:
        raise ConfigurationError(f"{option.flag}={given}: use one of {', '.join(option.choices)}")
    if option.convert is None:
        return given
    try:
        return option.convert(given)
    except ConfigurationError as error:
        raise ConfigurationError(f"{option.flag}: {error}") from error


def _benchmark_storage(config: pytest.Config, *, needed: bool) -> str:
    """pytest-benchmark's folder, so that both tools see one set of runs; its default where that is no folder."""
    uri = str(config.getoption("benchmark_storage", default=None) or BENCHMARK_STORAGE)
    scheme, separator, path = uri.partition("://")
    if not separator:
        return uri
    if scheme == "file":
        return path
    if needed:
        raise ConfigurationError(f"--benchmark-storage={scheme}://... is not a folder; name one with --energy-storage")
    return BENCHMARK_STORAGE
