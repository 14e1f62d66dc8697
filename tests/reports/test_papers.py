"""Which case stands against which, as the papers compare them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import pytest

from energy_fixtures.readings import Reading
from energy_fixtures.records import Decoding, Result, Span, Speculation
from reports.papers import QUESTIONS, rows_of
from reports.published import FINDINGS


def said(question: str, results: Sequence[Result]) -> list[tuple[str, int, float | None]]:
    """What was compared, at which batch, and the change."""
    rows = rows_of(question, results, 0.95)
    return [(row.what, row.batch_size, row.change.value and round(row.change.value, 6)) for row in rows]


def test_stacks_stand_against_eager_transformers(case: Callable[..., Result]) -> None:
    """Every stack is compared at equal work; CUDA graphs also with eager vLLM, and other batches with none."""
    results = [
        case("a", [4.0] * 3, engine="transformers"),
        case("b", [3.0] * 3, engine="transformers", execution="compiled"),
        case("c", [2.0] * 3, engine="vllm"),
        case("d", [1.0] * 3, engine="vllm", execution="cuda_graphs"),
        case("e", [9.0] * 3, engine="vllm", batch_size=8),
    ]

    assert said("frameworks", results) == [
        ("Transformers compiled / eager", 1, 0.75),
        ("vLLM eager / Transformers eager", 1, 0.5),
        ("vLLM CUDA graphs / Transformers eager", 1, 0.25),
        ("vLLM CUDA graphs / eager", 1, 0.5),
    ]


def test_published_figures_stand_only_beside_what_they_are_of(case: Callable[..., Result]) -> None:
    """CUDA graphs of vLLM have their figures; a static cache and eager vLLM have none."""
    results = [
        case("a", [4.0] * 3, engine="transformers"),
        case("b", [3.0] * 3, engine="transformers", execution="static_cache"),
        case("c", [2.0] * 3, engine="vllm"),
        case("d", [1.0] * 3, engine="vllm", execution="cuda_graphs"),
    ]
    figures = [row.published and row.published.short for row in rows_of("frameworks", results, 0.95)]

    assert figures == [None, None, "-73.00 to -37.58 %", "-25.47 to -2.97 %"]


def test_decodings_stand_against_greedy(case: Callable[..., Result]) -> None:
    """Beam search and sampling are compared with greedy decoding of the same engine."""
    results = [
        case("g", [1.0] * 3),
        case("b", [3.0] * 3, decoding=Decoding.beam(4)),
        case("s", [1.1] * 3, decoding=Decoding.sample(temperature=0.8, top_k=50)),
        case("t", [7.0] * 3, decoding=Decoding.beam(4), engine="transformers"),
    ]

    assert said("decoding", results) == [
        ("vllm beam 4 / greedy", 1, 3.0),
        ("vllm sample temperature 0.8 top-k 50 / greedy", 1, 1.1),
    ]


def test_batches_stand_against_one_alone(case: Callable[..., Result]) -> None:
    """By energy per request, of equal lengths and engine: eight times the tokens for twice the joules are a quarter each."""
    results = [
        case("b1", [4.0] * 3),
        case("b8", [1.0] * 3, batch_size=8),
        case("longer", [9.0] * 3, batch_size=8, input_tokens=99),
        case("other", [9.0] * 3, batch_size=8, engine="transformers"),
    ]

    assert said("batching", results) == [("vllm 8 + 10, batch / one alone", 8, 0.25)]


def test_a_draft_model_stands_against_none_where_the_paper_has_a_figure(case: Callable[..., Result]) -> None:
    """At batch 1 and 128; other batches and n-grams are in the question's own table."""
    draft = Speculation(method="draft", draft_model="d")
    ngram = Speculation(method="ngram", ngram_max=4)
    results = [case(f"b{batch}", [2.0] * 3, batch_size=batch) for batch in (1, 8, 128)]
    results += [case(f"d{batch}", [3.0] * 3, batch_size=batch, speculation=draft) for batch in (1, 8, 128)]
    results += [case("n1", [1.0] * 3, speculation=ngram)]

    assert said("speculative", results) == [("vllm draft model / none", 1, 1.5), ("vllm draft model / none", 128, 1.5)]


def test_experts_stand_against_the_dense_model(case: Callable[..., Result]) -> None:
    """The ids of the file say which is which; another batch is not compared."""
    results = [
        case("vllm-dense-b1", [2.0] * 3, model="a"),
        case("vllm-moe-b1", [3.0] * 3, model="b"),
        case("vllm-moe-b8", [9.0] * 3, model="b", batch_size=8),
    ]

    assert said("moe", results) == [("vllm mixture of experts / dense", 1, 1.5)]


def spread(case: Callable[..., Result], name: str, joules: Sequence[float], **fields: object) -> Result:
    """A case that used one board per given joules in each trial."""
    made = case(name, [1.0] * 3, **fields)
    domains = {f"gpu:{index}": one for index, one in enumerate(joules)}
    trials = tuple(
        msgspec.structs.replace(trial, reading=Reading(energy_j=domains, duration_s=1.0, method="counter"))
        for trial in made.trials
    )
    return msgspec.structs.replace(made, trials=trials, scope=tuple(domains))


def test_all_boards_count(case: Callable[..., Result]) -> None:
    """Two boards that take 6 J each against one that takes 10 J are 20 % more, whatever a single one of them took."""
    results = [
        spread(case, "one", [10.0]),
        spread(case, "tp2", [6.0, 6.0], tensor_parallel=2),
        spread(case, "dp2", [9.0, 9.0], data_parallel=2, batch_size=4),
    ]
    rows = rows_of("parallelism", results, 0.95)

    assert [(row.what, round(row.change.value or 0, 6)) for row in rows] == [
        ("TP 2 / one board, energy", 1.2),
        ("TP 2 / one board, latency", 1.0),
    ]
    assert [row.published and row.published.short for row in rows] == ["+29.3 %", "-40.16 %"]


def test_published_parallel_figures_are_of_batch_one(case: Callable[..., Result]) -> None:
    """Beside a larger batch nothing is printed that was measured at batch 1."""
    results = [
        spread(case, "one", [10.0], batch_size=8),
        spread(case, "tp2", [6.0, 6.0], tensor_parallel=2, batch_size=8),
    ]

    assert [row.published for row in rows_of("parallelism", results, 0.95)] == [None, None]


def test_fewer_bits_stand_against_the_same_activations(case: Callable[..., Result]) -> None:
    """Quantised weights and caches are compared at one number format of activations."""
    results = [
        case("p", [4.0] * 3, dtype="bfloat16"),
        case("q", [2.0] * 3, dtype="bfloat16", quantization="awq"),
        case("k", [3.0] * 3, dtype="bfloat16", kv_cache_dtype="fp8"),
        case("x", [1.0] * 3, dtype="float16", quantization="awq"),
    ]

    assert said("quantisation", results) == [
        ("vllm awq / bfloat16", 1, 0.5),
        ("vllm fp8 cache / bfloat16", 1, 0.75),
    ]


def test_shapes_stand_against_the_base(case: Callable[..., Result]) -> None:
    """A changed architecture is compared with the base on the same engine, by energy per request."""
    results = [
        case("vllm-base", [2.0] * 3, model="synthetic:l8-h512-a8-kv4-f1536"),
        case("vllm-kv1", [1.0] * 3, model="synthetic:l8-h512-a8-kv1-f1536"),
        case("transformers-kv1", [9.0] * 3, engine="transformers", model="synthetic:l8-h512-a8-kv1-f1536"),
    ]

    assert said("structure", results) == [("vllm kv1 / base", 1, 0.5)]


def test_lengths_are_compared_by_request(case: Callable[..., Result]) -> None:
    """P2 and P3 against P1 by joules per request: ten times the tokens at the same joules per token are ten times."""
    results = [
        case("p1", [0.1] * 3, input_tokens=100, output_tokens=100),
        case("p2", [0.2] * 3, input_tokens=900, output_tokens=100),
        case("p3", [0.1] * 3, input_tokens=100, output_tokens=900),
    ]

    assert said("geometry", results) == [
        ("vllm P2 900 + 100 / P1 100 + 100", 1, 2.0),
        ("vllm P3 100 + 900 / P1 100 + 100", 1, 9.0),
    ]


@pytest.mark.parametrize("spans", [False, True])
def test_the_time_of_a_batch_is_that_of_its_last_request(case: Callable[..., Result], spans: bool) -> None:
    """99 requests of 1 s and one of 3 s are a batch of 3 s, against 2 s of one alone, by spans or by requests."""
    lengths = {"input_tokens": 300, "output_tokens": 300}
    results = []
    for name, times in (("one", [2.0]), ("hundred", [1.0] * 99 + [3.0])):
        made = case(name, [1.0] * 3, batch_size=len(times), **lengths)
        done = made.trials[0].generation
        assert done is not None
        served = [msgspec.structs.replace(done.requests[0], e2e_s=seconds) for seconds in times]
        span = Span(start_s=1.0, first_token_s=None, end_s=1.0 + max(times))
        twice = msgspec.structs.replace(done, requests=(*served, *served), spans=(span, span) if spans else ())
        trials = tuple(msgspec.structs.replace(one, iterations=2, generation=twice) for one in made.trials)
        results.append(msgspec.structs.replace(made, trials=trials))

    assert said("geometry", results) == [("vllm 300 + 300, time of 100 / 1", 100, 1.5)]


@pytest.mark.parametrize("question", ["frameworks", "decoding", "moe", "quantisation", "structure", "geometry"])
def test_joules_of_other_domains_or_methods_are_not_compared(case: Callable[..., Result], question: str) -> None:
    """A reference whose joules are of another part of the machine, or were obtained in another way, is none."""
    fields: dict[str, dict[str, object]] = {
        "frameworks": {"execution": "cuda_graphs"},
        "decoding": {"decoding": Decoding.beam(2)},
        "moe": {"model": "b"},
        "quantisation": {"quantization": "awq"},
        "structure": {"model": "b"},
        "geometry": {"input_tokens": 900, "output_tokens": 100},
    }
    lengths = {"input_tokens": 100, "output_tokens": 100}
    engine = {"engine": "transformers"} if question == "frameworks" else {}
    base = case("vllm-dense-base", [1.0] * 3, **{**lengths, **engine})
    for other in ({"scope": ("cpu:0",)}, {"method": "modelled"}):
        changed = case("vllm-moe-x", [1.0] * 3, **{**lengths, **fields[question], **other})
        if "scope" in other:
            trials = tuple(
                msgspec.structs.replace(
                    trial, reading=Reading(energy_j={"cpu:0": 1.0}, duration_s=1.0, method="counter")
                )
                for trial in changed.trials
            )
            changed = msgspec.structs.replace(changed, trials=trials)

        assert rows_of(question, [base, changed], 0.95) == ()


def test_a_question_without_a_comparison_has_none(case: Callable[..., Result]) -> None:
    """Files of the user's own, and those with tables of their own, have no rows; findings belong to known questions."""
    assert rows_of("my_own", [case("a", [1.0])], 0.95) == ()
    assert set(FINDINGS) <= {*QUESTIONS, "serving"}
