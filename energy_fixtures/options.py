"""Every `--energy-*` option of the measuring half, its ini twin, and the one place where their defaults stand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from energy_fixtures.environment import accelerator_present
from energy_fixtures.errors import ConfigurationError
from energy_fixtures.meters.probe import missing_gpu

BENCHMARK_STORAGE = ".benchmarks"  # pytest-benchmark's own default


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the user asked for, checked.

    Attributes:
        meter: `auto`, `zeus`, `modelled`, `replay:FILE` or `simulated[:SPEC]`.
        domains: Comma list of domains to meter, None for all.
        cpu_watts: `IDLE:LOAD` watts per core for the modelled meter, None for its table.
        models: Names of the models under test, at least one.
        draft_model: Draft for speculation, None for the catalogue's.
        device: Where engines run; "auto" takes a GPU where one is.
        dtype: Overrides "auto" of scenarios.
        trust_remote_code: Model names whose own code may run.
        max_rounds, max_joules: Until then a case gets more rounds while its verdict is open. None: no limit.
        rounds, warmup_rounds, min_window_s, max_time_s, cooldown_s: See `protocol.Plan`.
        min_window_s, max_warmup_s, max_error, idle_s: None suits the meter.
        phases: Measure prefill apart as well.
        timeout_s: Longest wait for one step of an engine.
        save: Name of the run to save, None for not by name. autosave: Save under commit and time.
        storage: Folder of all runs. json: Where to write the document in addition.
        skip, only, disabled: As `--benchmark-skip`, `-only`, `-disable`.
    """

    meter: str
    domains: str | None
    cpu_watts: str | None
    models: tuple[str, ...]
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
    save: str | None
    autosave: bool
    storage: Path
    json: Path | None
    skip: bool
    only: bool
    disabled: bool


@dataclass(frozen=True, kw_only=True)
class _Option:
    name: str
    default: Any
    help: str
    metavar: str | None = None
    convert: Callable[[str], Any] | None = None
    choices: Sequence[str] | None = None
    repeatable: bool = False

    @property
    def flag(self) -> str:
        return f"--energy-{self.name}"

    @property
    def dest(self) -> str:
        return f"energy_{self.name.replace('-', '_')}"


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ConfigurationError(f"{text!r} is not a number of rounds; give a whole number >= 1")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan  # inside no bounds


def _seconds(text: str) -> float:
    value = _number(text)
    if not 0 < value < 1e7:
        raise ConfigurationError(f"{text!r} is not a duration; give seconds > 0, for example 0.5")
    return value


def _joules(text: str) -> float:
    value = _number(text)
    if not 0 < value < 1e15:
        raise ConfigurationError(f"{text!r} is no energy; give joules > 0, for example 500")
    return value


def _seconds_or_none(text: str) -> float:
    value = _number(text)
    if not 0 <= value < 1e7:
        raise ConfigurationError(f"{text!r} is not a duration; give seconds >= 0, for example 30, or 0 for not at all")
    return value


def _share(text: str) -> float:
    value = _number(text.removesuffix("%")) / 100
    if not text.endswith("%") or not 0 < value < 0.5:
        raise ConfigurationError(f"{text!r} is not an error to ask for; give a percentage below 50%, for example 0.5%")
    return value


def _run_name(text: str) -> str:
    if not text or not all(letter.isalnum() or letter in "-_." for letter in text):
        raise ConfigurationError(f"{text!r} cannot be a run's name; use letters, digits, '-', '_' and '.'")
    return text


_VALUES = (
    _Option(
        name="meter",
        default="auto",
        metavar="METER",
        help="auto, zeus, modelled, replay:FILE or simulated[:SPEC] (default: auto, the best counter that can be read, else modelled)",
    ),
    _Option(
        name="domains",
        default=None,
        metavar="LIST",
        help="domains to meter, comma separated: gpu, cpu, dram, soc, gpu:0, ... (default: all there are)",
    ),
    _Option(
        name="cpu-watts",
        default=None,
        metavar="IDLE:LOAD",
        help="watts per core of the modelled meter (default: a table by CPU model)",
    ),
    _Option(
        name="model",
        default=("tiny",),
        metavar="MODEL",
        repeatable=True,
        help="model under test, repeatable: tiny, shape:NAME, a hub id or a local folder (default: tiny)",
    ),
    _Option(
        name="draft-model",
        default=None,
        metavar="MODEL",
        help="draft model for speculation (default: the one the catalogue names)",
    ),
    _Option(
        name="device",
        default="auto",
        choices=("auto", "cpu", "cuda"),
        help="where engines run (default: a GPU where there is one)",
    ),
    _Option(
        name="dtype",
        default="auto",
        choices=("auto", "float32", "bfloat16", "float16"),
        help="number format of the weights (default: the model's own)",
    ),
    _Option(
        name="trust-remote-code",
        default=(),
        metavar="MODEL",
        repeatable=True,
        help="model whose own code may run, by its exact name, repeatable (default: none)",
    ),
    _Option(name="min-rounds", default=5, metavar="N", convert=_count, help="valid windows per case (default: 5)"),
    _Option(
        name="max-rounds",
        default=20,
        metavar="N",
        convert=_count,
        help="with --energy-compare-fail a case gets more rounds while its verdict is open, up to this many (default: 20)",
    ),
    _Option(
        name="max-joules",
        default=None,
        metavar="JOULES",
        convert=_joules,
        help="no round beyond --energy-min-rounds once the case's windows have taken this much (default: no limit)",
    ),
    _Option(
        name="warmup-rounds",
        default=1,
        metavar="N",
        convert=_count,
        help="unmetered rounds before them at least (default: 1)",
    ),
    _Option(
        name="max-warmup",
        default=None,
        metavar="SECONDS",
        convert=_seconds,
        help="longest warm-up of a case until speed, power and temperature are level, after its first run (default: 10, or 0.5 where joules are not measured)",
    ),
    _Option(
        name="min-window",
        default=None,
        metavar="SECONDS",
        convert=_seconds,
        help="shorter work is repeated inside one window (default: 10 times the counter's period, at least 0.2)",
    ),
    _Option(
        name="max-error",
        default=None,
        metavar="PERCENT",
        convert=_share,
        help="windows grow until half of their 95-percent interval is below this share of their joules, as far as --energy-max-time allows (default: one percent where joules are measured)",
    ),
    _Option(
        name="cooldown",
        default=0.0,
        metavar="SECONDS",
        convert=_seconds_or_none,
        help="before each window wait until the board is as cool as it was before the case, at most this long (default: 0, steady heat)",
    ),
    _Option(
        name="idle",
        default=None,
        metavar="SECONDS",
        convert=_seconds_or_none,
        help="how long power at rest is measured before the first engine is loaded, 0 for not at all (default: 2 where joules are measured)",
    ),
    _Option(
        name="max-time",
        default=60.0,
        metavar="SECONDS",
        convert=_seconds,
        help="open no further window of a case after this long, two at least (default: 60)",
    ),
    _Option(
        name="timeout",
        default=600.0,
        metavar="SECONDS",
        convert=_seconds,
        help="longest wait for one step of an engine: a load or a window (default: 600)",
    ),
    _Option(name="save", default=None, metavar="NAME", convert=_run_name, help="save the run as NNNN_NAME.json"),
    _Option(
        name="storage",
        default=None,
        metavar="FOLDER",
        help="where runs are saved (default: --benchmark-storage's, .benchmarks)",
    ),
    _Option(name="json", default=None, metavar="PATH", help="write the run to this file as well"),
)
_SWITCHES = (
    _Option(
        name="phases", default=False, help="measure every case again up to its first token, to tell prefill from decode"
    ),
    _Option(name="autosave", default=False, help="save the run as NNNN_COMMIT_TIME.json"),
    _Option(name="skip", default=False, help="skip tests that measure energy"),
    _Option(name="only", default=False, help="skip tests that do not measure energy"),
    _Option(
        name="disable", default=False, help="call functions once, without metering; skip cases that need an engine"
    ),
)


def add_options(parser: pytest.Parser) -> None:
    """Register every option and its ini twin (`--energy-min-rounds` is `energy_min_rounds`)."""
    group = parser.getgroup("energy", "energy as a test result (pytest-joules)")
    for option in _VALUES:
        extra: dict[str, Any] = {"choices": option.choices} if option.choices else {"metavar": option.metavar}
        action = "append" if option.repeatable else "store"
        group.addoption(option.flag, action=action, default=None, dest=option.dest, help=option.help, **extra)
        parser.addini(option.dest, option.help, type="args" if option.repeatable else "string", default=None)
    for option in _SWITCHES:
        group.addoption(option.flag, action="store_true", default=None, dest=option.dest, help=option.help)
        parser.addini(option.dest, option.help, type="bool", default=False)


def read_options(config: pytest.Config) -> Options:
    """Command line before ini file before pytest-benchmark's shared setting before default.

    Raises:
        ConfigurationError: A value that cannot be what its option needs; the sentence names the option.
    """
    value = {option.name: _value(config, option) for option in (*_VALUES, *_SWITCHES)}
    storage = value["storage"] or _benchmark_storage(config, needed=bool(value["save"] or value["autosave"]))
    trusted = frozenset(value["trust-remote-code"])
    for name in trusted - {*value["model"], value["draft-model"]}:
        raise ConfigurationError(
            f"--energy-trust-remote-code={name} names no model of this run; give a name exactly as in --energy-model"
        )
    return Options(
        meter=value["meter"],
        domains=value["domains"],
        cpu_watts=value["cpu-watts"],
        models=tuple(dict.fromkeys(value["model"])),
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
        save=value["save"],
        autosave=value["autosave"],
        storage=Path(storage),
        json=None if value["json"] is None else Path(value["json"]),
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
    given = [option.flag for option in (*_VALUES, *_SWITCHES) if config.getoption(option.dest) is not None]
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


def _value(config: pytest.Config, option: _Option) -> Any:
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
