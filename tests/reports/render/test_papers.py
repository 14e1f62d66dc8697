"""The papers' tables, rehearsed: results of a made-up board stand in for those that need CUDA.

Every joule below is invented. The result file is written, read and shown as one of a real session would be.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from energy_fixtures.models.architecture import architecture
from energy_fixtures.models.shapes import SHAPES
from energy_fixtures.readings import Reading
from energy_fixtures.records import Environment, Result, Run, Speculation
from energy_fixtures.serving.records import Arrivals
from energy_fixtures.store import read_run
from reports.published import FIGURES
from reports.render.papers import differences_of
from reports.render.tables import View
from reports.render.terminal import report
from reports.render.text import to_lines

VIEW = View(level=0.95)
MADE_UP = "Made-up board (rehearsal)"
LLAMA = {"model": "shape:llama-3.1-8b", "dtype": "bfloat16"}


@pytest.fixture
def rehearsal(environment: Callable[..., Environment]) -> Environment:
    """Four boards that do not exist, and random weights."""
    boards = tuple({"name": MADE_UP, "uuid": f"GPU-{index}", "power_limit_w": 300.0} for index in range(4))
    engine = {"device": "cuda", "dtype": "bfloat16", "weights": "dummy"}
    return environment(boards=boards, engine=engine, meter={"name": "replay", "method": "replay"})


@pytest.fixture
def shown(rehearsal: Environment, tmp_path: Path) -> Callable[[Sequence[Result]], str]:
    """What a terminal shows of these results once they were a file."""

    def show(results: Sequence[Result]) -> str:
        there = tuple(msgspec.structs.replace(result, environment=rehearsal.key) for result in results)
        run = Run(schema_version=1, environments={rehearsal.key: rehearsal}, results=there)
        path = tmp_path / "0001_rehearsal.json"
        path.write_text(json.dumps({"energy": msgspec.to_builtins(run)}))
        read = read_run(path)
        parts = report(list(read.results), read.environments, VIEW)
        return "\n".join(to_lines(parts, width=120, colour=False)) + "\n"

    return show


@pytest.fixture
def replayed(case: Callable[..., Result]) -> Callable[..., Result]:
    """A replayed case of one or several boards, three trials within a percent; joules are those of one batch."""

    def make(question: str, name: str, joules: Sequence[float], **fields: object) -> Result:
        domains = [f"gpu:{index}" for index in range(len(joules))]
        made = case(name, [1.0] * 3, question=question, method="replay", scope=tuple(domains), **LLAMA | fields)
        trials = tuple(
            msgspec.structs.replace(
                trial,
                reading=Reading(
                    energy_j={domain: one * factor for domain, one in zip(domains, joules, strict=True)},
                    duration_s=1.0,
                    method="replay",
                ),
            )
            for trial, factor in zip(made.trials, (0.99, 1.0, 1.01), strict=True)
        )
        return msgspec.structs.replace(made, trials=trials)

    return make


def questions(replayed: Callable[..., Result]) -> list[Result]:
    """Every question whose cases need CUDA, a few cases each."""
    draft = Speculation(method="draft", draft_model="shape:llama-3.2-1b")
    lengths = {"input_tokens": 100, "output_tokens": 100}
    cell = {"workload": "burstgpt-like", "synthetic": True, "requests": 2279, "workload_requests": 9907, "left_out": 93}
    cell |= {"true_input_tokens": 14_587, "true_output_tokens": 15_193}
    cells = [
        replayed("workloads", f"{engine}-cell", [joules], engine=engine, execution=execution, batch_size=batch)
        for engine, execution, joules, batch in (
            ("transformers", "eager", 90.0, 256),
            ("vllm", "cuda_graphs", 100.0, 1024),
        )
    ]
    return [
        replayed("frameworks", "transformers-eager-b1", [40.0], engine="transformers"),
        replayed("frameworks", "transformers-compiled-b1", [28.0], engine="transformers", execution="compiled"),
        replayed("frameworks", "vllm-eager-b1", [20.0]),
        replayed("frameworks", "vllm-cuda-graphs-b1", [15.0], execution="cuda_graphs"),
        replayed("batching", "vllm-b1", [20.0]),
        replayed("batching", "vllm-b32", [40.0], batch_size=32),
        replayed("speculative", "vllm-autoregressive-b128", [50.0], batch_size=128),
        replayed("speculative", "vllm-draft-b128", [62.0], batch_size=128, speculation=draft),
        replayed("parallelism", "vllm-one-b1", [20.0]),
        replayed("parallelism", "vllm-tp2-b1", [13.0, 12.8], tensor_parallel=2),
        replayed("parallelism", "vllm-tp4-b1", [7.8, 7.7, 7.9, 7.6], tensor_parallel=4),
        replayed("parallelism", "vllm-one-b8", [30.0], batch_size=8),
        replayed("parallelism", "vllm-pp2-b8", [18.0, 17.0], pipeline_parallel=2, batch_size=8),
        replayed("parallelism", "vllm-dp2-b8", [21.0, 20.0], data_parallel=2, batch_size=8),
        replayed("quantisation", "vllm-plain-b1", [20.0]),
        replayed("quantisation", "vllm-fp8-b1", [13.0], quantization="fp8"),
        replayed("quantisation", "vllm-fp8-cache-b1", [19.5], kv_cache_dtype="fp8"),
        replayed("geometry", "vllm-P1-b1", [100.0], **lengths),
        replayed("geometry", "vllm-P2-b1", [210.0], **lengths | {"input_tokens": 900}),
        replayed("geometry", "vllm-P3-b1", [900.0], **lengths | {"output_tokens": 900}),
        *(msgspec.structs.replace(one, params=cell) for one in cells),
    ]


def test_what_needs_cuda_is_shown_as_its_golden_copy(
    replayed: Callable[..., Result], shown: Callable[[Sequence[Result]], str]
) -> None:
    """Tables, per-board joules, totals, published figures and differences of setting, from a file of invented results."""
    golden = Path(__file__).with_name("papers.txt")
    got = shown(questions(replayed))
    if not golden.exists() or got != golden.read_text(encoding="utf-8"):
        golden.with_suffix(".got").write_text(got, encoding="utf-8")  # to look at, and to move over when it is right

    assert got == golden.read_text(encoding="utf-8")


def test_a_published_figure_is_never_among_the_measured_ones(
    replayed: Callable[..., Result], shown: Callable[[Sequence[Result]], str]
) -> None:
    """Whatever names a paper is a note that begins with its letter and the word `published`, however it is folded."""
    notes = re.split(r"\n(?=\([a-z]\) |here, |energy: |\n)", shown(questions(replayed)))  # one of them may be folded
    cited = [" ".join(note.split()) for note in notes if "arXiv" in note]

    assert len(cited) == 15  # figures and findings of all questions
    assert all(re.match(r"\([a-z]\) published: ", note) for note in cited)


@pytest.mark.parametrize(
    ("board", "model", "dtype", "weights", "differences"),
    [
        ("NVIDIA RTX A6000", "meta-llama/Llama-3.1-8B", "bfloat16", "trained", []),
        ("NVIDIA H200", "shape:llama-3.1-8b", "bfloat16", "dummy", ["NVIDIA H200", "random weights"]),
        ("NVIDIA RTX A6000", "Qwen/Qwen2.5-7B", "float16", "trained", ["Qwen/Qwen2.5-7B", "float16"]),
    ],
)
def test_what_differs_from_the_papers_setting_is_named(
    case: Callable[..., Result],
    environment: Callable[..., Environment],
    board: str,
    model: str,
    dtype: str,
    weights: str,
    differences: list[str],
) -> None:
    """Board, model, number format and weights are compared as far as the paper tells them; equal ones are not named."""
    here = case("a", [1.0] * 3, model=model, dtype=dtype)
    cell = msgspec.structs.replace(here, params={"workload": "chat", "synthetic": False})
    there = environment(boards=({"name": board},), engine={"device": "cuda", "weights": weights})

    assert differences_of(FIGURES["vllm against transformers"], cell, there) == differences
    assert "one length at one batch size" in differences_of(FIGURES["vllm against transformers"], here, there)


def test_another_engine_and_other_requests_are_named(
    case: Callable[..., Result], environment: Callable[..., Environment]
) -> None:
    """A figure of vLLM beside Transformers, drawn requests and the trace of another year are said to differ."""
    there = environment(boards=({"name": "NVIDIA A100-SXM4-80GB"},), engine={"device": "cuda"})
    for engine, differences in (("transformers", ["engine transformers"]), ("vllm", [])):
        assert differences_of(FIGURES["P2 against P1"], case("a", [1.0], engine=engine), there) == differences

    a6000 = environment(boards=({"name": "NVIDIA RTX A6000"},), engine={"device": "cuda"})
    for workload, synthetic, said in (
        ("burstgpt-like", True, ["drawn requests (synthetic)"]),
        ("azure-conv", False, ["the 2023 trace"]),
    ):
        here = case("a", [1.0], model="shape:llama-3.1-8b", dtype="bfloat16")
        cell = msgspec.structs.replace(here, params={"workload": workload, "synthetic": synthetic})
        assert differences_of(FIGURES["vllm over the ideal"], cell, a6000) == said


def test_the_figure_of_this_board_stands_in_the_table(
    replayed: Callable[..., Result], environment: Callable[..., Environment]
) -> None:
    """On an A100 the column holds what the paper measured on one, not the range over its boards."""
    there = environment(boards=({"name": "NVIDIA A100-SXM4-80GB"},), engine={"device": "cuda"})
    results = [
        msgspec.structs.replace(
            replayed("frameworks", name, [joules], engine="transformers", execution=name), environment=there.key
        )
        for name, joules in (("eager", 40.0), ("compiled", 28.0))
    ]
    lines = to_lines(report(results, {there.key: there}, VIEW), width=120, colour=False)

    (row,) = (line for line in lines if line.startswith("Transformers compiled / eager"))
    assert row.endswith("  -29.90 % (a)")


def test_the_excess_over_the_ideal_says_how_it_counts(
    replayed: Callable[..., Result], environment: Callable[..., Environment]
) -> None:
    """The line beside Table 4 counts as the paper does and says so; the figure is that of the workload."""
    engine = {"device": "cuda", "dtype": "bfloat16"}
    there = environment(boards=({"name": "NVIDIA RTX A6000"},), engine=engine)
    cell = msgspec.structs.replace(
        replayed("workloads", "cell", [400.0], engine="vllm", execution="cuda_graphs"),
        environment=there.key,
        architecture=architecture(SHAPES["llama-3.1-8b"].config),
        params={"workload": "burstgpt-like", "synthetic": True, "requests": 8, "workload_requests": 8},
    )
    said = " ".join(" ".join(to_lines(report([cell], {there.key: there}, VIEW), width=120, colour=False)).split())

    assert "over the ideal of operations alone, with full attention and the peak with sparsity as in the paper" in said
    assert "; published +63.75 % (a)" in said
    assert "here, unlike (a): drawn requests (synthetic), joules replayed, not measured now" in said


def test_notes_and_published_figures_are_marked_apart(
    replayed: Callable[..., Result], shown: Callable[[Sequence[Result]], str]
) -> None:
    """The doubts of a table have numbers and the papers' figures letters, so that no mark stands for two things."""
    compiled = replayed("frameworks", "compiled", [28.0], engine="transformers", execution="compiled")
    doubted = tuple(msgspec.structs.replace(trial, doubts=("temperature_drift",)) for trial in compiled.trials)
    results = [replayed("frameworks", "eager", [40.0], engine="transformers")]
    marks = re.findall(
        r"^\((\w)\) ", shown([*results, msgspec.structs.replace(compiled, trials=doubted)]), re.MULTILINE
    )

    assert marks == ["1", "a"]


@pytest.mark.parametrize(
    ("moe", "said"),
    [
        ("mixtral-8x7b", "12.88 G / 7.24 G; they differ by more than a fifth, and part of the change is size"),
        ("mistral-7b", "7.24 G / 7.24 G"),
    ],
)
def test_experts_are_shown_with_the_active_parameters_of_both_sides(
    replayed: Callable[..., Result], shown: Callable[[Sequence[Result]], str], moe: str, said: str
) -> None:
    """Sizes that are not equal, as the question asks for, are said to be a part of the change."""
    pair = [
        msgspec.structs.replace(
            replayed("moe", f"vllm-{side}-b1", [joules], model=f"shape:{name}-{side}"),
            architecture=architecture(SHAPES[name].config),
        )
        for side, name, joules in (("dense", "mistral-7b", 10.0), ("moe", moe, 12.0))
    ]
    lines = " ".join(shown(pair).split())

    assert f"active parameters of vllm mixture of experts / dense: {said} (a) published" in lines


@pytest.mark.parametrize(("execution", "beside"), [("cuda_graphs", True), ("eager", False)])
def test_table_4_stands_only_beside_its_own_stacks(
    replayed: Callable[..., Result], shown: Callable[[Sequence[Result]], str], execution: str, beside: bool
) -> None:
    """The paper measured vLLM with CUDA graphs; beside eager vLLM its saving would be another stack's."""
    params = {"workload": "chat", "requests": 8, "workload_requests": 8}
    cells = [
        replayed("workloads", "old", [9.0], engine="transformers"),
        replayed("workloads", "new", [3.0], engine="vllm", execution=execution),
    ]
    text = " ".join(shown([msgspec.structs.replace(one, params=params) for one in cells]).split())

    assert "-66.7 %" in text and ("; published -73.00" in text) == beside
    assert "by how much the bins inflate it is not known" in text


def test_serving_ends_with_what_was_found_online(
    replayed: Callable[..., Result], shown: Callable[[Sequence[Result]], str]
) -> None:
    """Below the table of arrivals stands the paper's finding of online against offline."""
    online = replayed("serving", "burst", [4.0], engine="vllm_server", arrivals=Arrivals.all_at_once(3))

    assert "published: against the same requests offline, online continuous batching" in shown([online])


def test_architectures_of_one_question_share_a_table(
    replayed: Callable[..., Result], shown: Callable[[Sequence[Result]], str]
) -> None:
    """Shapes that differ in one property stand in one table, so that they can be compared at a glance."""
    results = [
        replayed("structure", "vllm-base", [20.0], model="synthetic:l8-h512-a8-kv4-f1536"),
        replayed("structure", "vllm-kv1", [18.0], model="synthetic:l8-h512-a8-kv1-f1536"),
    ]
    text = shown(results)

    assert text.count("energy: structure") == 1
    assert "vllm kv1 / base" in text and "-10.0 %" in text


def test_a_sweep_of_lengths_says_how_straight_it_is(
    replayed: Callable[..., Result], shown: Callable[[Sequence[Result]], str]
) -> None:
    """2 J and half a joule per output token are found again, with what the line explains and how the joules came about."""
    sweep = [
        replayed("geometry", f"vllm-in64-out{tokens}-b1", [2 + tokens / 2], input_tokens=64, output_tokens=tokens)
        for tokens in (8, 16, 32, 64)
    ]

    said = " ".join(shown(sweep).split())

    assert (
        "vllm b1, output 8 to 64 with 64 input tokens: 2.00 J + 500 mJ/token per output token and request"
        " (replayed, not measured now), a straight line explains 100.0 % of 4 points"
    ) in said


def test_a_question_of_ones_own_gets_no_table_of_papers(
    replayed: Callable[..., Result], shown: Callable[[Sequence[Result]], str]
) -> None:
    """A file that no paper asked is shown as before."""
    assert "published" not in shown([replayed("mine", "vllm-b1", [1.0]), replayed("mine", "vllm-b2", [1.0])])
