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

import datetime
from collections.abc import Mapping
from typing import Literal

from msgspec import structs

from energy_fixtures.models.dimensions import Architecture
from energy_fixtures.origin import Origin
from energy_fixtures.readings import LONGEST_S, MOST_COUNTED, MOST_WATTS, Counted, Method, Reading, Seconds, Since
from energy_fixtures.record import Record, digest, need
from energy_fixtures.serving.records import Arrivals, ServiceLevel, ServingRun
from energy_fixtures.workloads.mix import Mix

SCHEMA_VERSION = 1
"""Version of the `energy` block of a result file; a change of a field's meaning raises it (see CHANGELOG.md)."""

MOE_SIBLING = "sibling:moe"
"""As `Scenario.model`: the mixture-of-experts sibling that the catalogue names for the session's model."""


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
            need(
                self.num_beams is not None and self.num_beams >= 2, "beam decoding needs num_beams >= 2", self.num_beams
            )
        else:
            need(self.num_beams is None, f"num_beams belongs to beam decoding, not to {self.method}", self.num_beams)
        if self.method == "sample":
            need(any(value is not None for value in sampled), "sampling needs a temperature, top_k or top_p", sampled)
            need(self.temperature is None or self.temperature > 0, "temperature must be > 0", self.temperature)
            need(self.top_k is None or self.top_k >= 1, "top_k must be >= 1", self.top_k)
            need(self.top_p is None or 0 < self.top_p <= 1, "top_p must be in (0, 1]", self.top_p)
        else:
            need(
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


GREEDY = Decoding()
"""How a Scenario decodes that says nothing else."""


class Speculation(Record, frozen=True, kw_only=True):
    """Guess several tokens ahead, then verify them in one pass of the target model.

    draft   a smaller model of the same vocabulary
    ngram   what the prompt itself repeats; `ngram_max` is the longest n-gram looked up, for this method only
    eagle   a head that was trained on the target's own hidden states (EAGLE, arXiv 2401.15077)
    mtp     the multi-token-prediction layers that the target was trained with (DeepSeek-V3, arXiv 2412.19437)

    `draft_model` None means the draft (or the head) that the catalogue names for the target, or `--energy-draft-model`
    for method `draft`.
    """

    method: Literal["draft", "ngram", "eagle", "mtp"]
    num_tokens: int = 4  # look-ahead gamma of "Energy Considerations of LLM Inference"
    draft_model: str | None = None
    ngram_max: int | None = None

    def __post_init__(self) -> None:
        need(self.num_tokens >= 1, "speculation needs num_tokens >= 1", self.num_tokens)
        if self.method in ("ngram", "mtp"):
            need(self.draft_model is None, "draft_model belongs to the methods draft and eagle", self.draft_model)
        if self.method == "ngram":
            need(
                self.ngram_max is not None and self.ngram_max >= 1,
                "n-gram speculation needs ngram_max >= 1",
                self.ngram_max,
            )
        else:
            need(self.ngram_max is None, "ngram_max belongs to method ngram", self.ngram_max)


EXECUTIONS = {
    "transformers": ("eager", "compiled", "static_cache"),
    "vllm": ("eager", "compiled", "cuda_graphs"),
    "vllm_server": ("eager", "compiled", "cuda_graphs"),
    "server": ("as_served",),
}
"""How each engine can execute a model; whoever started a server that runs already has decided that."""

SERVERS = ("vllm_server", "server")

PARALLEL = ("tensor_parallel", "pipeline_parallel", "data_parallel")


class Scenario(Record, frozen=True, kw_only=True):
    """What to do. Equal Scenarios are the same experiment.

    `model` None stands for the session's `--energy-model`, `MOE_SIBLING` for its mixture-of-experts sibling;
    the Scenario of a stored Result always names the model itself. `dtype` "auto" stands for the model's own.
    `quantization` is one of `engines.quantisation.METHODS` (fp8, awq, gptq, int8, bnb-int8, bnb-int4) or a method that
    the engine knows; `kv_cache_dtype` "auto" is the model's own number format.

    Boards (on a CPU, groups of cores): `tensor_parallel` (each layer is split) times `pipeline_parallel`
    (layers are dealt out) times `data_parallel` (so many whole copies, each serving its share of `batch_size`).

    Engine "vllm_server" is a `vllm serve` of our own, "server" one that runs already (`--energy-server`). Of both,
    `batch_size` is B, the most requests that are served at once, and `arrivals` says when requests come.

    With `mix` each request has lengths of its own, `batch_size` of them at a time; the Scenario's are the longest kept.
    """

    engine: Literal["transformers", "vllm", "vllm_server", "server"]
    batch_size: int
    input_tokens: int
    output_tokens: int
    model: str | None = None
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    quantization: str | None = None
    execution: Literal["eager", "compiled", "static_cache", "cuda_graphs", "as_served"] = "eager"
    kv_cache_dtype: Literal["auto", "fp8", "fp8_e4m3", "fp8_e5m2"] = "auto"
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    data_parallel: int = 1
    decoding: Decoding = GREEDY
    speculation: Speculation | None = None
    prefix_caching: bool = False
    seed: int = 0
    engine_options: Mapping[str, str | int | float | bool] = {}
    arrivals: Arrivals | None = None
    mix: Mix | None = None

    def __post_init__(self) -> None:
        for name in ("batch_size", "input_tokens", "output_tokens", *PARALLEL):
            need(getattr(self, name) >= 1, f"{name} must be >= 1", getattr(self, name))
        need(
            self.batch_size >= self.data_parallel,
            f"{self.data_parallel} copies of the model need a batch of at least as many",
            self.batch_size,
        )
        allowed = EXECUTIONS[self.engine]
        need(self.execution in allowed, f"engine {self.engine} executes as one of {', '.join(allowed)}", self.execution)
        speculates = self.speculation is not None
        need(
            not (speculates and self.decoding.method == "beam"),
            "speculation and beam search exclude each other",
            self.speculation,
        )
        if self.engine in SERVERS:
            self._check_serving()
        else:
            need(self.arrivals is None, f"arrivals belong to a server, not to engine {self.engine}", self.arrivals)
        apart = self.arrivals or self.speculation or self.decoding.num_beams or self.data_parallel > 1
        need(not (self.mix and apart), "a mix goes with one copy and plain decoding, offline", self.mix)

    def _check_serving(self) -> None:
        arrivals = self.arrivals
        need(arrivals is not None, f"engine {self.engine} needs arrivals", arrivals)
        assert arrivals is not None  # need() raised otherwise
        need(self.decoding.method != "beam", "a server streams no beam search", self.decoding.method)
        full = self.served_at_once
        need(
            arrivals.requests >= 3 * full,
            f"a steady state of {full} requests at once needs at least {3 * full} requests",
            arrivals.requests,
        )
        need(
            arrivals.shared_prefix_tokens < self.input_tokens,
            f"shared_prefix_tokens must be fewer than the {self.input_tokens} input tokens",
            arrivals.shared_prefix_tokens,
        )

    @property
    def boards(self) -> int:
        """Boards that the work is spread over; their energy is summed."""
        return self.tensor_parallel * self.pipeline_parallel * self.data_parallel

    @property
    def served_at_once(self) -> int:
        """B: the most requests that a server works on together, by its own limit or the arrivals'."""
        most = None if self.arrivals is None else self.arrivals.max_concurrency
        return self.batch_size if most is None else min(self.batch_size, most)

    @property
    def key(self) -> str:
        """Sixteen hex digits that are equal exactly for equal Scenarios, across sessions and versions."""
        # a default is left out where it is the very same object: what equals the default becomes that object first
        return digest(structs.replace(self, decoding=GREEDY) if self.decoding == GREEDY else self)


class Request(Record, frozen=True, kw_only=True, array_like=True):
    """One sequence that an engine served, with vLLM's definitions of latency.

    `ttft_s`: from handing the batch over to its first token. `e2e_s`: to its last token.
    `output_tokens` counts what the caller receives; beams that were dropped are work, not output.
    """

    input_tokens: Counted
    output_tokens: Counted
    finish_reason: str
    ttft_s: Seconds | None
    e2e_s: Seconds | None

    @property
    def tpot_s(self) -> float | None:
        """Seconds per output token after the first; None below two tokens or without timings."""
        if self.ttft_s is None or self.e2e_s is None or self.output_tokens < 2:
            return None
        return (self.e2e_s - self.ttft_s) / (self.output_tokens - 1)


class Span(Record, frozen=True, kw_only=True, array_like=True):
    """When one iteration of a window ran, in seconds after the engine began to work.

    `first_token_s` is when every request of the iteration had its first token: there prefill ends and decode begins.
    None where the engine cannot tell.
    """

    start_s: float
    first_token_s: float | None
    end_s: float

    def __post_init__(self) -> None:
        for seconds in (self.start_s, self.first_token_s, self.end_s):
            need(seconds is None or 0 <= seconds < LONGEST_S, f"a span lies between 0 and {LONGEST_S:g} s", seconds)


class Generation(Record, frozen=True, kw_only=True):
    """What the engine did inside one window, over all its iterations.

    `None` means that the engine cannot tell or the question does not arise; zero means none happened.
    `spans` has one entry per iteration, in order; empty where the engine cannot tell.
    `serving` has one entry per arrival run; `requests` then holds the whole answers alone, `serving` all that was sent.
    """

    requests: tuple[Request, ...]
    drafted_tokens: Since | None = None
    accepted_tokens: Since | None = None
    prefix_cache_hit_tokens: Since | None = None
    preemptions: Since | None = None
    spans: tuple[Span, ...] = ()
    serving: tuple[ServingRun, ...] = ()

    @property
    def input_tokens(self) -> int:
        """Prompt tokens of all requests."""
        return sum(request.input_tokens for request in self.requests)

    @property
    def output_tokens(self) -> int:
        """Generated tokens of all requests."""
        return sum([request.output_tokens for request in self.requests])  # a list: faster than a generator

    @property
    def acceptance(self) -> float | None:
        """Accepted over drafted tokens, in [0, 1]; None where nothing was drafted."""
        if not self.drafted_tokens or self.accepted_tokens is None:
            return None
        return self.accepted_tokens / self.drafted_tokens


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
        if not 1 <= self.iterations <= MOST_COUNTED:
            need(False, f"a trial holds from one to {MOST_COUNTED:g} iterations", self.iterations)

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
    `idle_w` is the power of each domain at rest, measured before the first engine was loaded; empty where it was not.
    `prefill_trials` are windows of the same work that ended at the first token, where phases were asked for.
    `service_level` is what the session asked of a serving case's latencies.
    `architecture` is the model's shape, None where its configuration does not tell it.
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
    idle_w: Mapping[str, float] = {}
    prefill_trials: tuple[Trial, ...] = ()
    service_level: ServiceLevel | None = None
    architecture: Architecture | None = None

    @property
    def valid_trials(self) -> tuple[Trial, ...]:
        """The trials that count."""
        return tuple([trial for trial in self.trials if not trial.invalid_reasons])

    @property
    def method(self) -> Method:
        """How the joules of this Result were obtained."""
        return self.trials[0].reading.method

    def __post_init__(self) -> None:
        need(len(self.trials) >= 1, "a result holds at least one trial", len(self.trials))
        methods = {trial.reading.method for trial in self.trials}
        need(len(methods) == 1, "all trials of a result are obtained by one method", sorted(methods))
        for domain, watts in self.idle_w.items():
            need(0 <= watts < MOST_WATTS, f"idle_w of {domain} must be a number from 0 to {MOST_WATTS:g}", watts)
        need(
            _says_when(self.started_at), "started_at must be a date and time with its zone (ISO 8601)", self.started_at
        )


def _says_when(text: str) -> bool:
    try:
        said = datetime.datetime.fromisoformat(text)
        return said.tzinfo is not None and 1 < said.astimezone(datetime.UTC).year < 9999  # a date in any zone
    except (ValueError, OverflowError):
        return False


class Run(Record, frozen=True, kw_only=True):
    """The `energy` block of one result file: Results, their Environments, and of a session that was cut off its Origin."""

    schema_version: int
    environments: dict[str, Environment]
    results: tuple[Result, ...]
    unfinished: Origin | None = None
