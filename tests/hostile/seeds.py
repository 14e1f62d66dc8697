"""Whole, valid files of every kind, from which hostile ones are made."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path

import msgspec

from energy_fixtures.models.catalogue import config_of, resolve
from energy_fixtures.models.shapes import SHAPES
from energy_fixtures.readings import BoardTrace, Reading
from energy_fixtures.records import Environment, Generation, Request, Result, Run, Scenario, Span, Speculation, Trial
from energy_fixtures.store import Entry, Head
from energy_fixtures.units import quantity
from reports.sweep.plan import PLAN_VERSION

ROOT = Path(__file__).parents[2]

HEAD = Head(
    machine_info={"cpu": {"brand_raw": "Example CPU"}},
    commit_info={"id": "0badcafe", "dirty": False},
    datetime="2026-01-01T00:00:00+00:00",
    version="5.2.0",
)


def a_run(*, name: str = "b2", cases: int = 2, text: str | None = None) -> Run:
    """A small run with every kind of field; `text` stands in every place of a name that a file may hold."""
    said = text or name
    environment = Environment(
        host={"cpu": text or "Example CPU", "cores": 2, "system": "Linux"},
        boards=({"name": text or "NVIDIA H100 80GB HBM3", "uuid": "GPU-1", "power_limit_w": 700.0},),
        packages={"torch": text or "2.13.0"},
        engine={"device": "cuda", "dtype": "bfloat16", "weights": "dummy", "framework": text or "vllm"},
        meter={"name": "zeus", "method": "counter", "domains": "gpu:0"},
    )
    request = Request(input_tokens=8, output_tokens=4, finish_reason=text or "length", ttft_s=0.1, e2e_s=0.4)
    board = BoardTrace(timeline=((0.0, 300.0, 40.0), (1.0, 310.0, None)), throttle=(), sm_clock_min_hz=1.9e9)
    results = tuple(
        Result(
            fullname=f"benchmarks/test_frameworks.py::test_frameworks[{said}-{number}]",
            question="frameworks",
            case=f"{said}-{number}",
            scenario=Scenario(
                engine="vllm",
                model=text or "Llama-3.1-8B",
                batch_size=2,
                input_tokens=8,
                output_tokens=4,
                speculation=Speculation(method="ngram", ngram_max=3) if number else None,
                engine_options={"attention_config": text or "flash"},
            ),
            environment=environment.key,
            scope=("gpu:0",),
            trials=tuple(
                Trial(
                    index=index,
                    iterations=1,
                    reading=Reading(
                        energy_j={"gpu:0": 8.0 + 0.1 * index},
                        duration_s=1.0,
                        method="counter",
                        uncertainty_j={"gpu:0": 0.01},
                        boards={"gpu:0": board},
                    ),
                    generation=Generation(
                        requests=(request, request), spans=(Span(start_s=0.0, first_token_s=0.1, end_s=0.9),)
                    ),
                )
                for index in range(3)
            ),
            started_at="2026-01-01T00:00:00+00:00",
            params={"batch": text or "2"},
            idle_w={"gpu:0": 70.0},
        )
        for number in range(cases)
    )
    return Run(schema_version=1, environments={environment.key: environment}, results=results)


def document_of(run: Run) -> bytes:
    """The run as a result file."""
    document = {**msgspec.to_builtins(HEAD), "benchmarks": [], "energy": run}
    return msgspec.json.encode(document)


@cache
def result_files() -> tuple[bytes, ...]:
    """A run with energy, and a document of pytest-benchmark's own."""
    return document_of(a_run()), b'{"machine_info": {}, "commit_info": {}, "benchmarks": [], "version": "5.2.0"}'


@cache
def journals() -> tuple[bytes, ...]:
    """What a killed session leaves."""
    run = a_run()
    entries = [Entry(head=HEAD), *(Entry(environment=one) for one in run.environments.values())]
    entries += [Entry(result=result, benchmark={"name": result.case}) for result in run.results]
    return (b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries),)


@cache
def traces() -> tuple[bytes, ...]:
    """Each format, plain and packed."""
    azure = (
        b"TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n"
        b"2024-05-12 00:00:00.001163+00:00,396,109\n"
    )
    azure_2023 = azure.replace(b"2024-05-12 00:00:00.001163+00:00", b"2023-11-16 18:15:50.9951690")
    burst = (
        b"Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
        b"5,ChatGPT,472,18,490,Conversation log\n45,ChatGPT,1087,230,1317,Conversation log\n"
    )
    vllm = b'{"prompt": "a b c d e f", "output_tokens": 12}\n{"prompt": "x", "output_tokens": "7"}\n'
    turns = [{"from": "human", "value": "word " * 20}, {"from": "gpt", "value": "answer " * 20}]
    share = json.dumps([{"id": "1", "conversations": turns}, {"id": "2", "conversations": turns[:1]}]).encode()
    plain = (azure_2023, azure, burst, vllm, share)
    return (*plain, *(gzip.compress(one, mtime=0) for one in plain))


@cache
def configurations() -> tuple[bytes, ...]:
    """config.json of one model of each family that ships."""
    kinds: dict[str, bytes] = {}
    for name in SHAPES:
        config = config_of(resolve(f"shape:{name}"))
        assert config is not None
        kinds.setdefault(str(config["model_type"]), json.dumps(config).encode())
    deepseek = (
        b'{"model_type":"deepseek_v3","hidden_size":64,"num_attention_heads":4,"num_hidden_layers":2,'
        b'"intermediate_size":128,"vocab_size":100,"n_routed_experts":8,"num_experts_per_tok":2,'
        b'"moe_intermediate_size":32,"kv_lora_rank":16,"qk_nope_head_dim":8,"qk_rope_head_dim":4,"v_head_dim":8,'
        b'"q_lora_rank":null,"first_k_dense_replace":1,"quantization_config":{"quant_method":"compressed-tensors",'
        b'"config_groups":{"g":{"weights":{"num_bits":8,"type":"float"}}}}}'
    )
    return (*kinds.values(), deepseek)


def shipped(*names: str) -> tuple[bytes, ...]:
    """Files of the packages that have the layout of a user's own."""
    return tuple((ROOT / name).read_bytes() for name in names)


BOARDS = (
    b'[[board]]\nname = "X1"\narchitecture = "Y"\ntdp_w = 700\nmemory = "HBM3"\nmemory_gib = 80\nbandwidth_gb_s = 3350\n'
    b'cores = 16896\nsource = "https://example.org"\naliases = ["x one"]\nidle_w = 70.5\n'
    b"[board.dense_tflops]\nbf16 = 989.4\nfp8 = 1978.9\n[board.sparse_tflops]\nbf16 = 1978.9\n",
)

SCENARIOS = (
    b'title = "x"\nmethod = "refined"\nseed = 3\ndraws = 1000\npue = 1.2\nmodels = ["DeepSeek-R1"]\n'
    b"[node]\npower_kw = 11.3\n[fleet]\nqueries_per_day = 1e9\n",
    b'regime = "agentic"\nparameters = "v1"\n[utilisation]\np5 = 0.3\np95 = 0.7\n',
)

TRAINING = (
    b"model,gpu,count,single_wh,batched_wh,input_tokens,output_tokens,batch\n"
    b"Llama-3.1-8B,A100-40,1,0.11,0.004,300,300,50\nLlama-2-7b,H100-SXM,2,0.2,,,,\n",
)

LENGTHS = (b"ContextTokens,GeneratedTokens\n374,44\n396,109\n", b"input_tokens,output_tokens\n1.0,2\n3,4.0\n")

PLANS = (
    b'{"version":%d,"arguments":["benchmarks","-k","greedy"],"code":"0badcafe","cases":[{"nodeid":"t.py::a[b]","load_key":"k",'
    b'"engine":"vllm","model":"tiny","label":"tiny float32","boards":1,"measures":true,"expected_s":2.5,"expected_j":9.0},'
    b'{"nodeid":"t.py::c","skip":"no GPU"}],"groups":[{"number":1,"label":"tiny","boards":1,"nodeids":["t.py::a[b]"]}],'
    b'"accelerator":null}' % PLAN_VERSION,
)

SWEPT = (
    b'{"begin":{"sweep":"1","group":1,"node":"n","clock":"c","boards":0,"devices":null,"began_s":1.0}}\n'
    b'{"started":"t.py::a"}\n{"finished":{"nodeid":"t.py::a","reports":[{"when":"call"}],"began_s":1.0,"ended_s":2.0}}\n'
    b'{"end":{"status":0,"ended_s":3.0}}\n',
)

TOKENIZERS = (b'{"added_tokens": [{"id": 0, "special": true, "content": "<s>"}, {"id": 5, "special": false}]}',)

_CHUNK = b'data: {"id":"1","choices":[{"text":" a","finish_reason":null}]}\n\n'
_STREAM = (
    _CHUNK * 2
    + b'data: {"choices":[{"text":"","finish_reason":"length"}]}\n\n'
    + b'data: {"choices":[],"usage":{"prompt_tokens":8,"completion_tokens":3}}\n\ndata: [DONE]\n\n'
)
STREAMS = (_STREAM, b": ping\n\n" + _STREAM.replace(b"\n", b"\r\n"), b'data: {"error":{"message":"no"}}\n\n')

ANSWERS = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%s\r\n0\r\n\r\n" % (len(_STREAM), _STREAM),
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 503 Busy\r\n\r\nuntil the end",
)

METRIC_PAGES = (
    b"# HELP x y\nvllm:num_preemptions_total 3.0\n"
    b'vllm:request_success_total{engine="0",finished_reason="stop"} 1e3\nvllm:prefix_cache_hits_total NaN\n',
)

MODEL_PAGES = (b'{"object":"list","data":[{"id":"/models/tiny","root":"/models/tiny","max_model_len":512}]}',)

OPTIONS = tuple(
    text.encode()
    for text in (
        *(
            "5",
            "0.5",
            "1%",
            "1:3.5",
            "gpu,cpu:0",
            "ttft_p99_ms:500,tpot_p95_ms:50",
            "1-8",
            "name-1",
            quantity(1.0, "J"),
        ),
        *("simulated:gpu:0=square=100/600@0.7,noise=2%,seed=7", "replay:x.json", "joules_per_output_token:mean:2.5%"),
        *("0.30EUR", "shape:llama-3.1-8b", "synthetic:l12-h768-a12-kv4-f3072-e8k2", "owner/name@v1", "16,32,64"),
        *("node.power_kw=10.2", "http://127.0.0.1:8000/v1", "[::1]:8000", "0001", "lenient", "../../etc/passwd"),
    )
)

BINS = (b'{"inputs": [32, 128], "outputs": [8, 64]}',)
