"""The peer's own way through the matrix: run by the interpreter of the peer's environment, never by ours.

python matrix.py MODEL_FOLDER BATCH_SIZE...      prints one JSON line per scenario: batch size, kWh of one generate
"""

from __future__ import annotations

import json
import sys

from optimum_benchmark import Benchmark, BenchmarkConfig, InferenceConfig, ProcessConfig, PyTorchConfig


def main(model: str, batch_sizes: list[int]) -> None:
    """Measure every batch size in an isolated process, energy on, as its documentation shows."""
    for batch_size in batch_sizes:
        config = BenchmarkConfig(
            name=f"b{batch_size}",
            launcher=ProcessConfig(),
            backend=PyTorchConfig(
                model=model, device="cpu", torch_dtype="float32", task="text-generation", library="transformers"
            ),
            scenario=InferenceConfig(
                latency=True,
                energy=True,
                warmup_runs=2,
                iterations=5,
                duration=0,
                input_shapes={"batch_size": batch_size, "sequence_length": 64},
                generate_kwargs={"max_new_tokens": 64, "min_new_tokens": 64},
            ),
        )
        report = Benchmark.launch(config)
        print(json.dumps({"batch_size": batch_size, "generate_kwh": report.generate.energy.total}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], [int(text) for text in sys.argv[2:]])
