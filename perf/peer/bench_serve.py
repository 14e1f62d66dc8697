"""`vllm bench serve` as it is, with the CPU seconds of its `benchmark()`: everything but imports and the making of prompts.

python -m perf.peer.bench_serve --base-url ... (its own arguments)      the last line is a JSON object
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from typing import Any

from energy_fixtures.engines.child import hide_amdsmi_without_amd
from energy_fixtures.engines.vllm_main import answer_for_cpu_build

hide_amdsmi_without_amd()
answer_for_cpu_build()

from vllm.benchmarks import serve  # noqa: E402 - after what makes it importable

seen: dict[str, Any] = {}
original = serve.benchmark


async def benchmark(*arguments: Any, **named: Any) -> dict[str, Any]:
    """Theirs, timed."""
    before_s = time.process_time()
    result: dict[str, Any] = await original(*arguments, **named)
    seen.update(result, cpu_s=time.process_time() - before_s)
    return result


serve.benchmark = benchmark
parser = argparse.ArgumentParser()
serve.add_cli_args(parser)
asyncio.run(serve.main_async(parser.parse_args(sys.argv[1:])))
kept = ("completed", "total_output_tokens", "duration", "cpu_s", "median_ttft_ms", "median_tpot_ms")
print(json.dumps({name: seen[name] for name in kept}))
