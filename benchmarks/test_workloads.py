"""What do whole workloads take, binned as in "Energy Considerations of LLM Inference"?

Every cell of input and output length is measured at the largest batch that fits; the report adds the cells up by how
many requests fall into each. `cells.csv` holds these numbers; tools/workload_cells.py makes it.
"""

import csv
from pathlib import Path

import pytest

from energy_fixtures import Scenario
from energy_fixtures.environment import accelerator_present

MOST_TRIED = 1024 if accelerator_present() else 32  # the paper's own limit; minutes per cell on a CPU

STACKS = {
    "transformers-eager": ("transformers", "eager", ()),
    "vllm-eager": ("vllm", "eager", ()),
    "vllm-cuda-graphs": ("vllm", "cuda_graphs", (pytest.mark.gpu,)),
}
QUICK = {("burstgpt-like", 256, 8), ("burstgpt-like", 128, 8)}  # the two fullest cells of the shortest workload


def cells():
    with Path(__file__).with_name("cells.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield row["workload"], row["synthetic"] == "1", *(int(row[name]) for name in COUNTED)


COUNTED = ("input_tokens", "output_tokens", "requests")


def cases():
    rows = list(cells())
    kept = {name: sum(row[-1] for row in rows if row[0] == name) for name in {row[0] for row in rows}}
    for stack, (engine, execution, marks) in STACKS.items():
        for workload, synthetic, input_tokens, output_tokens, requests in rows:
            slow = () if (workload, input_tokens, output_tokens) in QUICK else (pytest.mark.slow,)
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
                requests,
                kept[workload],
                id=f"{workload}-{stack}-in{input_tokens}-out{output_tokens}",
                marks=(*marks, *slow),
            )


@pytest.mark.parametrize(("scenario", "workload", "synthetic", "requests", "workload_requests"), list(cases()))
def test_workloads(scenario, workload, synthetic, requests, workload_requests, energy):
    energy.measure_largest(scenario)
