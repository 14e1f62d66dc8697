"""The table of `--energy-*` options of the measuring half: names, defaults, how their text is read. No pytest here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.storage.location import location_of

if TYPE_CHECKING:
    from energy_fixtures.serving.client import Address
    from energy_fixtures.serving.records import ServiceLevel


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option: `--energy-NAME`, its ini twin `energy_name`, what converts its text, and its default."""

    name: str
    default: Any
    help: str
    metavar: str | None = None
    convert: Callable[[str], Any] | None = None
    choices: Sequence[str] | None = None
    repeatable: bool = False
    decides: bool = True
    """Whether results hang on it beside their Scenario and Environment: `--energy-resume` goes on only where it is the same."""

    @property
    def flag(self) -> str:
        """As it is typed."""
        return f"--energy-{self.name}"

    @property
    def dest(self) -> str:
        """As pytest keeps it."""
        return f"energy_{self.name.replace('-', '_')}"


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 9 or int(text) < 1:
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


def _server(text: str) -> Address:
    from energy_fixtures.serving.local import local_address  # asyncio and psutil, for those who name a server

    return local_address(text)


def _service_level(text: str) -> ServiceLevel:
    from energy_fixtures.serving.slo import service_level

    return service_level(text)


def _rates(text: str) -> tuple[float, float]:
    low, _, high = text.partition(":")
    lowest, highest = _number(low), _number(high)
    if not 0 < lowest < highest <= 1e5:
        raise ConfigurationError(
            f"{text!r} is no range of rates; give the lowest and the highest requests per second, for example 1:50"
        )
    return lowest, highest


VALUES: tuple[Option, ...] = (
    Option(
        name="meter",
        default="auto",
        metavar="METER",
        help="auto, zeus, modelled, replay:FILE or simulated[:SPEC] (default: auto, the best counter that can be read, else modelled)",
    ),
    Option(
        name="domains",
        default=None,
        metavar="LIST",
        help="domains to meter, comma separated: gpu, cpu, dram, soc, gpu:0, ... (default: all there are)",
    ),
    Option(
        name="cpu-watts",
        default=None,
        metavar="IDLE:LOAD",
        help="watts per core of the modelled meter (default: a table by CPU model)",
    ),
    Option(
        name="model",
        default=("tiny",),
        metavar="MODEL",
        repeatable=True,
        decides=False,  # the Scenario names it
        help="model under test, repeatable: tiny, shape:NAME, a hub id or a local folder (default: tiny)",
    ),
    Option(
        name="workload",
        default="burstgpt-like",
        metavar="TRACE",
        help="workload of the replay cases and of online-trace: a trace on disk, or a generator (default: burstgpt-like, synthetic)",
    ),
    Option(
        name="draft-model",
        default=None,
        metavar="MODEL",
        help="draft model for speculation (default: the one the catalogue names)",
    ),
    Option(
        name="device",
        default="auto",
        choices=("auto", "cpu", "cuda"),
        help="where engines run (default: a GPU where there is one)",
    ),
    Option(
        name="dtype",
        default="auto",
        choices=("auto", "float32", "bfloat16", "float16"),
        help="number format of the weights (default: the model's own)",
    ),
    Option(
        name="trust-remote-code",
        default=(),
        metavar="MODEL",
        repeatable=True,
        help="model whose own code may run, by its exact name, repeatable (default: none)",
    ),
    Option(name="min-rounds", default=5, metavar="N", convert=_count, help="valid windows per case (default: 5)"),
    Option(
        name="max-rounds",
        default=20,
        metavar="N",
        convert=_count,
        help="with --energy-compare-fail a case gets more rounds while its verdict is open, up to this many (default: 20)",
    ),
    Option(
        name="max-joules",
        default=None,
        metavar="JOULES",
        convert=_joules,
        help="no round beyond --energy-min-rounds once the case's windows have taken this much (default: no limit)",
    ),
    Option(
        name="warmup-rounds",
        default=1,
        metavar="N",
        convert=_count,
        help="unmetered rounds before them at least (default: 1)",
    ),
    Option(
        name="max-warmup",
        default=None,
        metavar="SECONDS",
        convert=_seconds,
        help="longest warm-up of a case until speed, power and temperature are level, after its first run (default: 10, or 0.5 where joules are not measured)",
    ),
    Option(
        name="min-window",
        default=None,
        metavar="SECONDS",
        convert=_seconds,
        help="shorter work is repeated inside one window (default: 10 times the counter's period, at least 0.2)",
    ),
    Option(
        name="max-error",
        default=None,
        metavar="PERCENT",
        convert=_share,
        help="windows grow until half of their 95-percent interval is below this share of their joules, as far as --energy-max-time allows (default: one percent where joules are measured)",
    ),
    Option(
        name="cooldown",
        default=0.0,
        metavar="SECONDS",
        convert=_seconds_or_none,
        help="before each window wait until the board is as cool as it was before the case, at most this long (default: 0, steady heat)",
    ),
    Option(
        name="idle",
        default=None,
        metavar="SECONDS",
        convert=_seconds_or_none,
        help="how long power at rest is measured before the first engine is loaded, 0 for not at all (default: 2 where joules are measured)",
    ),
    Option(
        name="max-time",
        default=60.0,
        metavar="SECONDS",
        convert=_seconds,
        help="open no further window of a case after this long, two at least (default: 60)",
    ),
    Option(
        name="timeout",
        default=600.0,
        metavar="SECONDS",
        convert=_seconds,
        decides=False,
        help="longest wait for one step of an engine: a load or a window (default: 600)",
    ),
    Option(
        name="server",
        default=None,
        metavar="URL",
        convert=_server,
        help="run the serving cases on this OpenAI-compatible server on this machine, which is already running (default: a vllm serve of our own)",
    ),
    Option(
        name="slo",
        default=None,
        metavar="LIMITS",
        convert=_service_level,
        help="service level of serving cases, for goodput and joules per token at it: ttft_p99_ms:500,tpot_p99_ms:50",
    ),
    Option(
        name="rate-search",
        default=None,
        metavar="LOW:HIGH",
        convert=_rates,
        help="look between these requests per second for the cheapest rate that meets --energy-slo, each rate a measured case",
    ),
    Option(
        name="save",
        default=None,
        metavar="NAME",
        convert=_run_name,
        decides=False,
        help="save the run as NNNN_NAME.json",
    ),
    Option(
        name="storage",
        default=None,
        metavar="FOLDER|URL",
        convert=location_of,
        decides=False,
        help="where runs are saved: a folder (default: --benchmark-storage's, .benchmarks), or a store for many machines, "
        "s3://bucket/prefix",
    ),
    Option(name="json", default=None, metavar="PATH", decides=False, help="write the run to this file as well"),
)
SWITCHES: tuple[Option, ...] = (
    Option(
        name="phases", default=False, help="measure every case again up to its first token, to tell prefill from decode"
    ),
    Option(name="autosave", default=False, decides=False, help="save the run as NNNN_COMMIT_TIME.json"),
    Option(
        name="resume",
        default=False,
        decides=False,
        help="go on with the saved run that was cut off: what it finished and is still the same is not measured again",
    ),
    Option(name="skip", default=False, decides=False, help="skip tests that measure energy"),
    Option(name="only", default=False, decides=False, help="skip tests that do not measure energy"),
    Option(name="disable", default=False, help="call functions once, without metering; skip cases that need an engine"),
)
