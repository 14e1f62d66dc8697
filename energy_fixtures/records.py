"""The words that everything speaks: typed, frozen records with a versioned JSON form.

    Scenario ─► Engine ─► Generation ┐
                                     ├─► Trial ─► Result ─► Run (one file)
                Meter  ─► Reading    ┘              ▲
    Environment ────────────────────────────────────┘

A record that exists is valid: each checks its fields at birth, from code and from JSON alike.
Unknown is `None`, zero is a number. Units are in the names, always SI.
Fields at their default are left out of the JSON, so a field added later does not change the key of an old Scenario.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Literal

import msgspec

SCHEMA_VERSION = 1
"""Version of the `energy` block of a result file; a change of a field's meaning raises it (see CHANGELOG.md)."""

Method = Literal["counter", "integrated power", "modelled", "replay", "simulated"]
"""How joules were obtained. Only the first two are measured; the others never meet them in one comparison."""

MEASURED: frozenset[str] = frozenset({"counter", "integrated power"})

MOST_JOULES = 1e15
"""No window holds this much, a day's output of a power station is a tenth of it; sums of such values stay finite."""

MOE_SIBLING = "sibling:moe"
"""As `Scenario.model`: the mixture-of-experts sibling that the catalogue names for the session's model."""


def _need(fact: bool, rule: str, seen: object) -> None:
    """Refuse a value that breaks `rule`; msgspec turns this into its ValidationError while decoding."""
    if not fact:
        raise ValueError(f"{rule}, got {seen!r}")


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of the records: immutable, named fields only."""


class Decoding(Record, frozen=True, kw_only=True):
    """How the next token is chosen. Build it with `greedy`, `beam` or `sample`."""

    method: Literal["greedy", "beam", "sample"] = "greedy"
    num_beams: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        sampled = (self.temperature, self.top_k, self.top_p)
        if self.method == "beam":
            _need(
                self.num_beams is not None and self.num_beams >= 2, "beam decoding needs num_beams >= 2", self.num_beams
            )
        else:
            _need(self.num_beams is None, f"num_beams belongs to beam decoding, not to {self.method}", self.num_beams)
        if self.method == "sample":
            _need(any(value is not None for value in sampled), "sampling needs a temperature, top_k or top_p", sampled)
            _need(self.temperature is None or self.temperature > 0, "temperature must be > 0", self.temperature)
            _need(self.top_k is None or self.top_k >= 1, "top_k must be >= 1", self.top_k)
            _need(self.top_p is None or 0 < self.top_p <= 1, "top_p must be in (0, 1]", self.top_p)
        else:
            _need(
                sampled == (None, None, None),
                f"temperature, top_k and top_p belong to sampling, not to {self.method}",
                sampled,
            )

    @classmethod
    def greedy(cls) -> Decoding:
        """The most likely token, always."""
        return cls()

    @classmethod
    def beam(cls, num_beams: int) -> Decoding:
        """Keep the `num_beams` likeliest sequences."""
        return cls(method="beam", num_beams=num_beams)

    @classmethod
    def sample(
        cls, *, temperature: float | None = None, top_k: int | None = None, top_p: float | None = None
    ) -> Decoding:
        """Draw the next token; what is not given does not restrict the draw."""
        return cls(method="sample", temperature=temperature, top_k=top_k, top_p=top_p)


class Speculation(Record, frozen=True, kw_only=True):
    """Guess several tokens ahead, then verify them in one pass of the target model.

    `draft_model` None means the draft that the catalogue (or `--energy-draft-model`) names for the target.
    `ngram_max` is the longest n-gram looked up in the prompt, for method `ngram` only.
    """

    method: Literal["draft", "ngram"]
    num_tokens: int = 4  # look-ahead gamma of "Energy Considerations of LLM Inference"
    draft_model: str | None = None
    ngram_max: int | None = None

    def __post_init__(self) -> None:
        _need(self.num_tokens >= 1, "speculation needs num_tokens >= 1", self.num_tokens)
        if self.method == "ngram":
            _need(self.draft_model is None, "draft_model belongs to method draft", self.draft_model)
            _need(
                self.ngram_max is not None and self.ngram_max >= 1,
                "n-gram speculation needs ngram_max >= 1",
                self.ngram_max,
            )
        else:
            _need(self.ngram_max is None, "ngram_max belongs to method ngram", self.ngram_max)


class Scenario(Record, frozen=True, kw_only=True):
    """What to do. Equal Scenarios are the same experiment.

    `model` None stands for the session's `--energy-model`, `MOE_SIBLING` for its mixture-of-experts sibling;
    the Scenario of a stored Result always names the model itself. `dtype` "auto" stands for the model's own.
    """

    engine: Literal["transformers", "vllm"]
    batch_size: int
    input_tokens: int
    output_tokens: int
    model: str | None = None
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    quantization: str | None = None
    execution: Literal["eager", "compiled", "static_cache", "cuda_graphs"] = "eager"
    tensor_parallel: int = 1
    decoding: Decoding = Decoding()
    speculation: Speculation | None = None
    prefix_caching: bool = False
    seed: int = 0
    engine_options: Mapping[str, str | int | float | bool] = {}

    def __post_init__(self) -> None:
        for name in ("batch_size", "input_tokens", "output_tokens", "tensor_parallel"):
            _need(getattr(self, name) >= 1, f"{name} must be >= 1", getattr(self, name))
        allowed = {"transformers": ("eager", "compiled", "static_cache"), "vllm": ("eager", "compiled", "cuda_graphs")}[
            self.engine
        ]
        _need(
            self.execution in allowed, f"engine {self.engine} executes as one of {', '.join(allowed)}", self.execution
        )
        speculates = self.speculation is not None
        _need(
            not (speculates and self.decoding.method == "beam"),
            "speculation and beam search exclude each other",
            self.speculation,
        )

    @property
    def key(self) -> str:
        """Sixteen hex digits that are equal exactly for equal Scenarios, across sessions and versions."""
        return digest(self)


class Request(Record, frozen=True, kw_only=True, array_like=True):
    """One sequence that an engine served, with vLLM's definitions of latency.

    `ttft_s`: from handing the batch over to its first token. `e2e_s`: to its last token.
    `output_tokens` counts what the caller receives; beams that were dropped are work, not output.
    """

    input_tokens: int
    output_tokens: int
    finish_reason: str
    ttft_s: float | None
    e2e_s: float | None

    @property
    def tpot_s(self) -> float | None:
        """Seconds per output token after the first; None below two tokens or without timings."""
        if self.ttft_s is None or self.e2e_s is None or self.output_tokens < 2:
            return None
        return (self.e2e_s - self.ttft_s) / (self.output_tokens - 1)


class Generation(Record, frozen=True, kw_only=True):
    """What the engine did inside one window, over all its iterations.

    `None` means that the engine cannot tell or the question does not arise; zero means none happened.
    """

    requests: tuple[Request, ...]
    drafted_tokens: int | None = None
    accepted_tokens: int | None = None
    prefix_cache_hit_tokens: int | None = None
    preemptions: int | None = None

    @property
    def input_tokens(self) -> int:
        """Prompt tokens of all requests."""
        return sum(request.input_tokens for request in self.requests)

    @property
    def output_tokens(self) -> int:
        """Generated tokens of all requests."""
        return sum(request.output_tokens for request in self.requests)

    @property
    def acceptance(self) -> float | None:
        """Accepted over drafted tokens, in [0, 1]; None where nothing was drafted."""
        if not self.drafted_tokens or self.accepted_tokens is None:
            return None
        return self.accepted_tokens / self.drafted_tokens


class Reading(Record, frozen=True, kw_only=True):
    """What the meter saw between the two ends of one window.

    `energy_j` maps a domain (`gpu:0`, `cpu:0`, `dram:0`, `soc`) to its joules, gross. `duration_s` is monotonic time.
    `uncertainty_j` is one standard uncertainty by domain, where the meter can state it.
    """

    energy_j: dict[str, float]
    duration_s: float
    method: Method
    uncertainty_j: dict[str, float] = {}
    doubts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _need(
            math.isfinite(self.duration_s) and self.duration_s >= 0,
            "duration_s must be finite and >= 0",
            self.duration_s,
        )
        for domain, joules in self.energy_j.items():
            _need(0 <= joules < MOST_JOULES, f"energy_j of {domain} must be a number from 0 to {MOST_JOULES:g}", joules)

    def joules(self, domains: tuple[str, ...] | None = None) -> float | None:
        """Sum over `domains` (all that were metered when None); None when one of them was not metered."""
        wanted = tuple(self.energy_j) if domains is None else domains
        if not wanted or any(domain not in self.energy_j for domain in wanted):
            return None
        return math.fsum(self.energy_j[domain] for domain in wanted)


class Trial(Record, frozen=True, kw_only=True):
    """One metered window over `iterations` whole repeats of the work: the unit of replication.

    `invalid_reasons` and `doubts` are codes of `energy_fixtures.reasons`. An invalid trial is kept and never counted.
    """

    index: int
    iterations: int
    reading: Reading
    generation: Generation | None = None
    seed: int | None = None
    invalid_reasons: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _need(self.iterations >= 1, "a trial holds at least one iteration", self.iterations)

    @property
    def valid(self) -> bool:
        """Whether this trial may count."""
        return not self.invalid_reasons


class Environment(Record, frozen=True, kw_only=True):
    """Where and with what a Result was made: the fingerprint that decides what may be compared.

    `boards` holds one mapping per accelerator, `packages` the versions that matter, `engine` what the loaded engine
    said of itself, `meter` the meter's name, method and domains. Never a user name, a path or a secret.
    """

    host: Mapping[str, str | int]
    boards: tuple[Mapping[str, str | int | float | bool], ...]
    packages: Mapping[str, str]
    engine: Mapping[str, str | int | float | bool]
    meter: Mapping[str, str | int | float | bool]

    @property
    def key(self) -> str:
        """Sixteen hex digits that are equal exactly for equal Environments."""
        return digest(self)


class Result(Record, frozen=True, kw_only=True):
    """All trials of one case, raw.

    `fullname` is pytest's node id, `question` the file it stands in (`speculative`), `case` the id inside it.
    `scenario` is None for a plain function. `scope` names the domains that `joules_per_*` sum over.
    `environment` is the key of an Environment in the same Run. `started_at` is ISO 8601, UTC.
    """

    fullname: str
    question: str
    case: str
    scenario: Scenario | None
    environment: str
    scope: tuple[str, ...]
    trials: tuple[Trial, ...]
    started_at: str
    params: Mapping[str, str | int | float | bool | None] = {}

    @property
    def valid_trials(self) -> tuple[Trial, ...]:
        """The trials that count."""
        return tuple(trial for trial in self.trials if trial.valid)

    @property
    def method(self) -> Method:
        """How the joules of this Result were obtained."""
        return self.trials[0].reading.method

    def __post_init__(self) -> None:
        _need(len(self.trials) >= 1, "a result holds at least one trial", len(self.trials))
        methods = {trial.reading.method for trial in self.trials}
        _need(len(methods) == 1, "all trials of a result are obtained by one method", sorted(methods))


class Run(Record, frozen=True, kw_only=True, omit_defaults=False):
    """The `energy` block of one result file: every Result of a session with the Environments they were made in."""

    schema_version: int
    environments: dict[str, Environment]
    results: tuple[Result, ...]


def digest(record: Record) -> str:
    """Sixteen hex digits over the record's JSON with sorted keys; fields at their default do not count."""
    return hashlib.sha256(msgspec.json.encode(record, order="sorted")).hexdigest()[:16]
