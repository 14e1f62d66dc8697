"""What do whole workloads take, binned as in "Energy Considerations of LLM Inference"?

Every cell of input and output length is measured at the largest batch that fits; the report adds the cells up by how
many requests fall into each. `cells.csv` holds these numbers; tools/workload_cells.py makes it. The fullest cells of each
workload say how stacks compare; all of them, for the whole total, are the `grid`.

How far such a sum is from the truth, `test_replay` asks: a few requests of `--energy-workload`, in their cells and then as
they are, in equal batches.
"""

import csv
from pathlib import Path

import pytest

from energy_fixtures import Mix, Scenario
from energy_fixtures.environment import accelerator_present

MOST_TRIED = 1024 if accelerator_present() else 32  # the paper's own limit; minutes per cell on a CPU

STACKS = {
    "transformers-eager": ("transformers", "eager", ()),
    "vllm-eager": ("vllm", "eager", ()),
    "vllm-cuda-graphs": ("vllm", "cuda_graphs", (pytest.mark.gpu,)),
}
QUICK = {("burstgpt-like", 256, 8), ("burstgpt-like", 128, 8)}  # the two fullest cells of the shortest workload
FULLEST = 3  # of each workload

LENGTHS = ("input_tokens", "output_tokens")
NOTED = ("requests", "true_input_tokens", "true_output_tokens", "left_out")  # of a cell, beside its Result


def cells():
    with Path(__file__).with_name("cells.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            lengths, noted = (tuple(int(row[name]) for name in names) for names in (LENGTHS, NOTED))
            yield row["workload"], row["synthetic"] == "1", lengths, noted


def cases():
    rows = list(cells())
    counts = {name: sorted((noted[0] for one, _, _, noted in rows if one == name), reverse=True) for name, *_ in rows}
    for stack, (engine, execution, marks) in STACKS.items():
        for workload, synthetic, (input_tokens, output_tokens), noted in rows:
            full = noted[0] >= counts[workload][FULLEST - 1]
            quick = (workload, input_tokens, output_tokens) in QUICK
            left_out = () if quick else (pytest.mark.slow,) if full else (pytest.mark.grid,)
            yield pytest.param(
                Scenario(
                    engine=engine,
                    execution=execution,
                    batch_size=MOST_TRIED,
                    input_tokens=input_tokens,
                    output_tokens=output_tokens,
                ),
                workload,
                synthetic,
                sum(counts[workload]),
                *noted,
                id=f"{workload}-{stack}-in{input_tokens}-out{output_tokens}",
                marks=(*marks, *left_out),
            )


@pytest.mark.parametrize(("scenario", "workload", "synthetic", "workload_requests", *NOTED), list(cases()))
def test_workloads(
    scenario,
    workload,
    synthetic,
    workload_requests,
    requests,
    true_input_tokens,
    true_output_tokens,
    left_out,
    energy,
):
    energy.measure_largest(scenario)


REPLAYED = 512 if accelerator_present() else 16  # requests
REPLAY_BATCH = 32 if accelerator_present() else 4
LONGEST_INPUT, LONGEST_OUTPUT = (8192, 512) if accelerator_present() else (1024, 128)  # bins of the paper


def replays():
    for stack, (engine, execution, marks) in STACKS.items():
        yield pytest.param(
            Scenario(
                engine=engine,
                execution=execution,
                batch_size=REPLAY_BATCH,
                input_tokens=LONGEST_INPUT,
                output_tokens=LONGEST_OUTPUT,
                mix=Mix(requests=REPLAYED),
            ),
            id=f"replay-{stack.removesuffix('-eager')}",
            marks=(*marks, *(() if engine == "transformers" else (pytest.mark.slow,))),
        )


@pytest.mark.parametrize("scenario", list(replays()))
def test_replay(scenario, energy):
    energy.measure_replay(scenario)
