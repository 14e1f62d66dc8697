"""A fitted predictor as a file: JSON that says what it is, computes anywhere, and notices when it was changed.

fit ─► Predictor ─► predictor.json ─► `joules predict run`, a web page (docs/predicting.md)
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path

import msgspec

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.foreign import MOST_TABLE_BYTES, Refused, from_json, read_file
from energy_fixtures.record import Record, need
from reports.predict.constants import PRIORS, Constants
from reports.predict.intervals import Widths
from reports.predict.machines import Machine
from reports.predict.physics import Execution
from reports.predict.residual import Residual
from reports.predict.shape import Shape

FORMAT = "pytest-joules predictor"
VERSION = 2
"""2: rates of float32 and int8, width of the cache, and other launches of mixtures; older constants mean other things."""
DEFAULT = Path(__file__).with_name("default.json")
UNITS = "J of GPUs per request, gross: rest included, no host, no cooling"


class Meaning(Record, frozen=True, kw_only=True):
    """What one constant stands for."""

    unit: str
    meaning: str
    prior_median: float
    prior_spread: float


class Range(Record, frozen=True, kw_only=True):
    """Smallest and largest value that was learned from."""

    low: float
    high: float

    def __post_init__(self) -> None:
        need(0 < self.low <= self.high < math.inf, "a range needs 0 < low <= high", (self.low, self.high))

    def distance(self, value: float) -> float:
        """How far outside `value` lies, as a logarithm; 0 inside."""
        return max(math.log(self.low / value), math.log(value / self.high), 0.0)


class FittedOn(Record, frozen=True, kw_only=True):
    """What a predictor learned from.

    Attributes:
        says: One sentence for people. sources: Files. rows: How many. models, boards: Names.
        methods: How the joules were obtained. ranges: By name of an input.
        mean_ape: Mean error in percent of left-out rows, by split and column.
    """

    says: str
    sources: tuple[str, ...]
    rows: int
    models: tuple[str, ...]
    boards: tuple[str, ...]
    methods: tuple[str, ...]
    ranges: Mapping[str, Range]
    mean_ape: Mapping[str, float]


class Check(Record, frozen=True, kw_only=True):
    """A worked example: whoever computes with this file gets these numbers to 1e-9. Joules of one request, seconds of all."""

    shape: str
    machine: str
    batch: float
    input_tokens: float
    output_tokens: float
    boards: int
    weight_bytes: float
    whole_numbers: bool
    execution: Execution
    joules: float
    low: float
    high: float
    seconds: float


class Predictor(Record, frozen=True, kw_only=True, omit_defaults=False):
    """Everything that a prediction needs.

    Attributes:
        format, version: What the file is. predicts: Unit and boundary of the outcome.
        constants: Of the physics. meanings: Of each of them.
        residual: Correction by a learner, empty where it did not help.
        widths: Of intervals. fitted_on: What it learned from.
        machines, shapes: Boards and models that it knows by name. checks: Worked examples.
        digest: SHA-256 over the rest of the file.
    """

    format: str = FORMAT
    version: int = VERSION
    predicts: str = UNITS
    formula: str = "reports.predict.physics, docs/predicting.md"
    constants: Constants
    meanings: Mapping[str, Meaning]
    residual: Residual
    widths: Widths
    fitted_on: FittedOn
    machines: tuple[Machine, ...]
    shapes: tuple[Shape, ...]
    checks: tuple[Check, ...]
    digest: str = ""

    def machine(self, name: str) -> Machine | None:
        """The board of that name, as it was when the predictor was fitted; None where it did not know it."""
        return next((machine for machine in self.machines if machine.name == name), None)


def meanings() -> dict[str, Meaning]:
    """What each constant stands for."""
    return {
        name: Meaning(unit=prior.unit, meaning=prior.meaning, prior_median=prior.median, prior_spread=prior.spread)
        for name, prior in PRIORS.items()
    }


def sealed(predictor: Predictor) -> Predictor:
    """The same as a reader will see it, with its digest."""
    plain = msgspec.json.decode(msgspec.json.encode(predictor), type=Predictor)  # 1 written for 1.0 is read as 1.0
    return msgspec.structs.replace(plain, digest=_digest(plain))


def to_json(predictor: Predictor) -> bytes:
    """The file's content."""
    return msgspec.json.encode(predictor) + b"\n"


class _Version(msgspec.Struct):
    format: str = ""
    version: int = 0


def read_predictor(path: Path | None = None) -> Predictor:
    """The predictor of a file, or the one that comes with the package.

    Raises:
        ConfigurationError: No such file, no predictor, a newer version, a value that breaks a rule, or a file that was
            changed after it was written.
    """
    where = DEFAULT if path is None else path
    try:
        content = read_file(where, MOST_TABLE_BYTES)
        head = from_json(content, _Version)
    except OSError as error:
        raise ConfigurationError(f"predictor {where.name} cannot be read: {error.strerror}") from error
    except Refused as error:
        raise ConfigurationError(
            f"{where.name} is no predictor ({error}); name a file that `joules predict fit` wrote"
        ) from error
    if head.format != FORMAT:
        raise ConfigurationError(f"{where.name} is no predictor; name a file that `joules predict fit` wrote")
    if head.version > VERSION:
        raise ConfigurationError(
            f"{where.name} has predictor version {head.version}, this version reads up to {VERSION}; upgrade pytest-joules"
        )
    if head.version < VERSION:
        raise ConfigurationError(
            f"{where.name} has predictor version {head.version}, whose formula was another one than {VERSION}'s; fit it anew"
        )
    try:
        predictor = from_json(content, Predictor)
    except Refused as error:
        raise ConfigurationError(f"{where.name} breaks the rules of a predictor: {error}; fit it anew") from error
    if predictor.digest != _digest(predictor):
        raise ConfigurationError(
            f"{where.name} was changed after it was fitted: its digest does not match; export or fit it anew"
        )
    return predictor


def _digest(predictor: Predictor) -> str:
    blank = msgspec.structs.replace(predictor, digest="")
    return hashlib.sha256(msgspec.json.encode(blank, order="sorted")).hexdigest()
