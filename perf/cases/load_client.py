"""Our load client in a process of its own: `python -m perf.cases.load_client PORT MODEL REQUESTS TOKENS_IN TOKENS_OUT RATE MOST`.

RATE 0 is all at once, MOST 0 is no limit. Prints a JSON object; `cpu_s` is of encoding, sending, listening and summing up.
"""

from __future__ import annotations

import gc
import json
import sys
import time

import msgspec

from energy_fixtures.formulas import quantile
from energy_fixtures.records import Scenario
from energy_fixtures.serving.client import Address, Run
from energy_fixtures.serving.records import Arrivals
from energy_fixtures.serving.schedule import prompts_of, schedule_of
from energy_fixtures.serving.summary import answers, serving_run

VOCABULARY = 256  # ids that every model has

port, model = int(sys.argv[1]), sys.argv[2]
requests, tokens_in, tokens_out = map(int, sys.argv[3:6])
rate, most = float(sys.argv[6]), int(sys.argv[7]) or None
arrivals = Arrivals.poisson(requests, rate) if rate else Arrivals.all_at_once(requests, max_concurrency=most)
scenario = Scenario(
    engine="server",
    execution="as_served",
    batch_size=1,
    input_tokens=tokens_in,
    output_tokens=tokens_out,
    arrivals=arrivals,
)
schedule = schedule_of(scenario)
prompts = prompts_of(scenario, schedule, seed=1, vocab_size=VOCABULARY, avoid=())
address = Address(host="127.0.0.1", port=port)
before_s = time.process_time()
bodies = [
    address.post(
        msgspec.json.encode(
            {
                "model": model,
                "prompt": prompt,
                "max_tokens": tokens_out,
                "min_tokens": tokens_out,
                "ignore_eos": True,
                "temperature": 0.0,
                "stream": True,
                "stream_options": {"include_usage": True},
            }
        )
    )
    for prompt in prompts
]
run = Run(address, schedule.requests, bodies, max_concurrency=most)
gc.collect()
gc.disable()
try:
    from uvloop import run as loop_run
except ImportError:
    from asyncio import run as loop_run  # type: ignore[assignment]  # the slower one
loop_run(run.go())
done = serving_run(run)
lags = sorted(served.sent_s - served.due_s for served in done.requests)
served = answers(run)
cpu_s = time.process_time() - before_s
print(
    json.dumps(
        {
            "answers": len(served),
            "tokens": sum(request.output_tokens for request in served),
            "duration_s": done.duration_s,
            "ttft_p50_s": quantile(sorted(request.ttft_s or 0.0 for request in served), 0.5),
            "tpot_p50_s": quantile(sorted(request.tpot_s or 0.0 for request in served), 0.5),
            "cpu_s": cpu_s,
            "lag_p50_s": quantile(lags, 0.5),
            "lag_p99_s": quantile(lags, 0.99),
        }
    )
)
