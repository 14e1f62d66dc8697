"""Our load client beside `vllm bench serve`, on the same server in one run: punctuality, CPU per token, most requests.

    fake server    answers from ready-made bytes, a token every 20 ms or all at once: what is seen is the client
    vllm serve     the tiny model, so that the figures are also seen where the client is not alone on the machine

CPU seconds are those of getting requests into bytes, sending, listening and summing up; imports and the making of prompts
are left out on both sides. Theirs are taken inside its own `benchmark()`.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from energy_fixtures.engines import vllm_serve
from energy_fixtures.engines.base import EngineSpec
from energy_fixtures.engines.process_tree import end_tree, tree_of
from energy_fixtures.models.catalogue import resolve
from energy_fixtures.models.materialise import materialise
from energy_fixtures.serving import local
from energy_fixtures.serving.client import Address
from perf.figure import ROOT, CommandFailed, Figure, run

GOAL_LAG_MS = 5.0
GOAL_CPU = 0.5
GOAL_RATE = 2.0

RATE = 200.0
REQUESTS, TOKENS = 1_000, 64
GAP_MS = 20
SHORT_REQUESTS, SHORT_TOKENS, CONCURRENCY = 3_000, 8, 32
REAL_REQUESTS, REAL_RATE, REAL_BATCH = 100, 5.0, 32
INPUT_TOKENS = 64

QUIET = {"VLLM_LOGGING_LEVEL": "ERROR", "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}


def figures() -> Iterator[Figure]:
    """Both clients on both servers."""
    with fake_server(GAP_MS) as port:
        ours = our_client(port, "model", REQUESTS, TOKENS, rate=RATE)
        theirs = their_client(port, "model", REQUESTS, TOKENS, rate=RATE)
    yield Figure(
        name=f"schedule lag, 99th percentile, at {RATE:g} requests/s",
        value=1e3 * ours["lag_p99_s"],
        unit="ms",
        goal=GOAL_LAG_MS,
        detail=f"median {1e3 * ours['lag_p50_s']:.2f} ms, {REQUESTS} requests of {TOKENS} tokens, one every {GAP_MS} ms",
    )
    yield cpu_figure("CPU per streamed token over that of vllm bench serve, fake server", ours, theirs)
    with fake_server(0) as port:
        ours = our_client(port, "model", SHORT_REQUESTS, SHORT_TOKENS, most=CONCURRENCY)
        theirs = their_client(port, "model", SHORT_REQUESTS, SHORT_TOKENS, most=CONCURRENCY)
    rates = (ours["answers"] / ours["duration_s"], theirs["completed"] / theirs["duration"])
    yield Figure(
        name="requests per second where the client is the bottleneck, over those of vllm bench serve",
        value=rates[0] / rates[1],
        unit="times",
        goal=GOAL_RATE,
        at_least=True,
        detail=f"{rates[0]:,.0f} against {rates[1]:,.0f} requests/s of {SHORT_TOKENS} tokens, {CONCURRENCY} at once",
    )
    with real_server() as port:
        their_client(port, vllm_serve.SERVED_NAME, 2 * REAL_BATCH, TOKENS, most=REAL_BATCH)  # warm-up
        ours = our_client(port, vllm_serve.SERVED_NAME, REAL_REQUESTS, TOKENS, rate=REAL_RATE)
        theirs = their_client(port, vllm_serve.SERVED_NAME, REAL_REQUESTS, TOKENS, rate=REAL_RATE)
    seen = (
        f"TTFT median {1e3 * ours['ttft_p50_s']:.1f} against {theirs['median_ttft_ms']:.1f} ms, "
        f"TPOT {1e3 * ours['tpot_p50_s']:.2f} against {theirs['median_tpot_ms']:.2f} ms"
    )
    yield cpu_figure(f"the same, vllm serve of the tiny model at {REAL_RATE:g} requests/s", ours, theirs, seen)


def cpu_figure(name: str, ours: Mapping[str, Any], theirs: Mapping[str, Any], seen: str = "") -> Figure:
    """CPU seconds per streamed token, ours over theirs."""
    each = (ours["cpu_s"] / ours["tokens"], theirs["cpu_s"] / theirs["total_output_tokens"])
    detail = f"{1e6 * each[0]:.1f} against {1e6 * each[1]:.1f} µs"
    return Figure(
        name=name, value=each[0] / each[1], unit="times", goal=GOAL_CPU, detail=f"{detail}; {seen}" if seen else detail
    )


def our_client(
    port: int, model: str, requests: int, tokens: int, *, rate: float = 0.0, most: int = 0
) -> dict[str, Any]:
    """One arrival run of our client in a process of its own."""
    sizes = map(str, (requests, INPUT_TOKENS, tokens, rate, most))
    printed = run([sys.executable, "-m", "perf.cases.load_client", str(port), model, *sizes])
    seen: dict[str, Any] = json.loads(printed.splitlines()[-1])
    if seen["answers"] != requests:
        raise CommandFailed(f"our client got {seen['answers']} of {requests} answers")
    return seen


def their_client(
    port: int, model: str, requests: int, tokens: int, *, rate: float = 0.0, most: int = 0
) -> dict[str, Any]:
    """The same with vLLM's client."""
    command = [sys.executable, "-m", "perf.peer.bench_serve"]
    command += ["--backend", "openai", "--base-url", f"http://127.0.0.1:{port}", "--endpoint", "/v1/completions"]
    command += ["--model", model, "--tokenizer", materialise(resolve("tiny")).path, "--dataset-name", "random"]
    command += ["--random-input-len", str(INPUT_TOKENS), "--random-output-len", str(tokens), "--ignore-eos"]
    command += ["--num-prompts", str(requests), "--request-rate", str(rate or "inf"), "--disable-tqdm", "--seed", "1"]
    command += ["--max-concurrency", str(most)] if most else []
    printed = run(command, environ={**QUIET, "PYTHONPATH": str(ROOT)})
    seen: dict[str, Any] = json.loads(next(line for line in printed.splitlines() if line.startswith('{"completed"')))
    if seen["completed"] != requests:
        raise CommandFailed(f"vllm bench serve got {seen['completed']} of {requests} answers")
    return seen


@contextlib.contextmanager
def fake_server(gap_ms: float) -> Iterator[int]:
    """A fake server in a process of its own; its port."""
    command = [sys.executable, "-m", "perf.cases.fake_server", str(gap_ms)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield int(server.stdout.readline())
        finally:
            server.kill()


@contextlib.contextmanager
def real_server() -> Iterator[int]:
    """`vllm serve` of the tiny model on the CPU, as a case starts it; its port."""
    model = resolve("tiny")
    spec = EngineSpec(
        engine="vllm_server",
        model=model,
        dtype="float32",
        device="cpu",
        execution="eager",
        tensor_parallel=1,
        quantization=None,
        context_tokens=2048,
        max_batch_size=REAL_BATCH,
        prefix_caching=False,
    )
    port = local.free_port()
    command = vllm_serve.command(spec, port, materialise(model))
    environ = {
        **vllm_serve.environment(spec),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    server = subprocess.Popen(
        command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        if not local.wait_for(Address(host="127.0.0.1", port=port), lambda: server.poll() is None):
            raise CommandFailed(f"vllm serve ended with {server.poll()} before it was ready")
        yield port
    finally:
        end_tree(server, tree_of(server))
