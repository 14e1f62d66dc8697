"""Traces that are texts: vLLM's custom JSONL, and ShareGPT conversations as vLLM's benchmark takes them.

Lengths are counted as vLLM's loaders count them (`vllm/benchmarks/datasets`, 0.32), without a chat template. The order is
that of the file: vLLM shuffles, which is a choice of the one who sends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec
import numpy as np

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.foreign import Refused, from_json
from energy_fixtures.workloads.blocks import Source
from energy_fixtures.workloads.counting import Counting
from energy_fixtures.workloads.lengths import Lengths, Provenance

NOT_JSON = "not JSON of the expected form"
NO_PROMPT = "no prompt, or an empty one"
NO_OUTPUT_TOKENS = "no output_tokens"
NOT_WHOLE = "output_tokens is not a whole number of at least 1"
FEW_TURNS = "fewer than two turns"
SHORT = "prompt or answer of fewer than 4 tokens"
LONG_PROMPT = "prompt of more than 1024 tokens"
LONG = "prompt and answer of more than 2048 tokens together"

# vLLM's is_valid_sequence
FEWEST_TOKENS = 4
MOST_PROMPT_TOKENS = 1024
MOST_TOKENS = 2048

NO_TEMPLATE = "prompts are counted without a chat template, as vLLM does with --skip-chat-template"
MOST_COUNT = 2**31 - 1
_AT_ONCE = 1000  # texts handed to the tokenizer


class _Row(msgspec.Struct):
    prompt: str | None = None
    output_tokens: int | float | str | None = None


class _Turn(msgspec.Struct):
    value: str


class _Conversation(msgspec.Struct):
    conversations: list[_Turn] = []


def read_custom(source: Source, counting: Counting) -> Lengths:
    """vLLM's custom dataset: a JSON object per line with `prompt` and `output_tokens`.

    Raises:
        ConfigurationError: No line is usable.
    """
    decoder = msgspec.json.Decoder(_Row)
    prompts: list[str] = []
    outputs: list[int] = []
    left_out, rows = Counter[str](), 0
    for line in _lines(source):
        rows += 1
        try:
            row = decoder.decode(line)
        except (msgspec.MsgspecError, RecursionError):
            left_out[NOT_JSON] += 1
            continue
        tokens = _whole(row.output_tokens)
        if not row.prompt:
            left_out[NO_PROMPT] += 1
        elif row.output_tokens is None:
            left_out[NO_OUTPUT_TOKENS] += 1
        elif tokens is None:
            left_out[NOT_WHOLE] += 1
        else:
            prompts.append(row.prompt)
            outputs.append(tokens)
    counts = [max(1, count) for count in _counts(counting, prompts)]
    doubts = () if counting.doubt else (NO_TEMPLATE,)
    return _lengths(source, "vllm-custom", counting, (counts, outputs), rows, left_out, doubts)


def read_sharegpt(source: Source, counting: Counting) -> Lengths:
    """ShareGPT: a JSON array of conversations; the first two turns of each are prompt and answer.

    Those that vLLM's loader leaves out are left out: too few turns, too short, too long.

    Raises:
        ConfigurationError: It is no JSON array, or no conversation is usable.
    """
    try:
        entries = from_json(source.whole(), list[msgspec.Raw])
    except Refused as error:
        raise ConfigurationError(f"{source.path} is no whole JSON array ({error}); fetch or copy it again") from error
    decoder = msgspec.json.Decoder(_Conversation)
    pairs: list[tuple[str, str]] = []
    left_out = Counter[str]()
    for entry in entries:
        try:
            turns = decoder.decode(entry).conversations
        except (msgspec.MsgspecError, RecursionError):
            left_out[NOT_JSON] += 1
            continue
        if len(turns) < 2:
            left_out[FEW_TURNS] += 1
        else:
            pairs.append((turns[0].value, turns[1].value))
    prompts = _counts(counting, [prompt for prompt, _ in pairs])
    answers = _counts(counting, [answer for _, answer in pairs])
    kept: tuple[list[int], list[int]] = ([], [])
    for prompt, answer in zip(prompts, answers, strict=True):
        if prompt < FEWEST_TOKENS or answer < FEWEST_TOKENS:
            left_out[SHORT] += 1
        elif prompt > MOST_PROMPT_TOKENS:
            left_out[LONG_PROMPT] += 1
        elif prompt + answer > MOST_TOKENS:
            left_out[LONG] += 1
        else:
            kept[0].append(prompt)
            kept[1].append(answer)
    return _lengths(source, "sharegpt", counting, kept, len(entries), left_out, ())


def _lines(source: Source) -> Iterator[bytes]:
    for block in source.blocks():
        yield from (line for line in block.splitlines() if line.strip())


def _counts(counting: Counting, texts: list[str]) -> list[int]:
    starts = range(0, len(texts), _AT_ONCE)
    return [count for start in starts for count in counting.counts(texts[start : start + _AT_ONCE])]


def _whole(value: float | str | None) -> int | None:
    """As a number of tokens, also where it is written "12" or 12.0."""
    try:
        number = float(value) if value is not None else 0.0
    except ValueError:
        return None
    return int(number) if number.is_integer() and 1 <= number <= MOST_COUNT else None


def _lengths(
    source: Source,
    kind: str,
    counting: Counting,
    tokens: tuple[list[int], list[int]],
    rows: int,
    left_out: Counter[str],
    doubts: tuple[str, ...],
) -> Lengths:
    if not tokens[0]:
        said = "".join(f", {count} with {reason}" for reason, count in left_out.items())
        raise ConfigurationError(f"{source.path} has no usable row: {rows} read{said}")
    return Lengths(
        input_tokens=np.array(tokens[0], dtype=np.int32),
        output_tokens=np.array(tokens[1], dtype=np.int32),
        arrival_s=None,
        provenance=Provenance(
            name=source.path.name,
            kind=kind,
            synthetic=False,
            rows_read=rows,
            left_out=left_out,
            sha256=source.sha256,
            unpacked_sha256=source.unpacked_sha256,
            doubts=(*doubts, *((counting.doubt,) if counting.doubt else ())),
        ),
    )
