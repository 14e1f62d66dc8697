"""Traces that hold texts: vLLM's custom JSONL and ShareGPT."""

from __future__ import annotations

import ast
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.workloads import texts
from energy_fixtures.workloads.catalogue import workload


@pytest.fixture
def words(tmp_path: Path) -> str:
    """A folder with a real tokenizer that has one token per word and puts one before each text."""
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = {"[UNK]": 0, "[BOS]": 1, "w": 2}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    made.post_processor = tokenizers.processors.TemplateProcessing(single="[BOS] $A", special_tokens=[("[BOS]", 1)])
    made.enable_truncation(5)  # as some models' files have it: lengths are counted without
    folder = tmp_path / "model"
    folder.mkdir()
    made.save(str(folder / "tokenizer.json"))
    return str(folder)


def custom(folder: Path, *rows: Any) -> Path:
    path = folder / "prompts.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def words_of(count: int) -> str:
    """A text that the tokenizer of `words` counts as `count`, with the token it puts before."""
    return "w " * (count - 1)


def test_custom_prompts_are_counted_by_the_tokenizer(tmp_path: Path, words: str) -> None:
    """Inputs are the tokens the model sees, outputs what each line asks for; no arrivals are known."""
    path = custom(tmp_path, {"prompt": words_of(3), "output_tokens": 10}, {"prompt": "é w w", "output_tokens": "7"}, "")
    seen = workload(path, tokenizer=words)
    assert seen.input_tokens.tolist() == [3, 4] and seen.output_tokens.tolist() == [10, 7]
    assert seen.arrival_s is None and seen.provenance.kind == "vllm-custom" and seen.provenance.rows_read == 2
    assert "without a chat template" in seen.provenance.doubts[0]
    assert workload(path, tokenizer=f"{words}/tokenizer.json").input_tokens.tolist() == [3, 4]


def test_unusable_prompts_are_counted_by_reason(tmp_path: Path, words: str) -> None:
    """Broken lines, empty prompts and outputs that are no length cost their line, and are counted."""
    path = custom(
        tmp_path,
        {"prompt": "w", "output_tokens": 1},
        "{broken",
        '{"prompt": 3, "output_tokens": 1}',
        {"output_tokens": 5},
        {"prompt": "", "output_tokens": 5},
        {"prompt": "w"},
        {"prompt": "w", "output_tokens": 0},
        {"prompt": "w", "output_tokens": 2.5},
        {"prompt": "w", "output_tokens": "many"},
    )
    seen = workload(path, tokenizer=words)
    assert len(seen) == 1 and seen.provenance.rows_read == 9
    assert dict(seen.provenance.left_out) == {
        texts.NOT_JSON: 2,
        texts.NO_PROMPT: 2,
        texts.NO_OUTPUT_TOKENS: 1,
        texts.NOT_WHOLE: 3,
    }


def talk(*lengths: int) -> dict[str, object]:
    speakers = ("human", "gpt")
    return {
        "id": "x",
        "conversations": [{"from": speakers[n % 2], "value": words_of(k)} for n, k in enumerate(lengths)],
    }


def test_sharegpt_is_filtered_as_vllm_does(tmp_path: Path, words: str) -> None:
    """The first two turns are taken; too short, too long and too few are counted, at vLLM's own limits."""
    path = tmp_path / "talks.json"
    rows: list[Any] = [
        talk(4, 4),
        talk(1024, 1024, 9),
        talk(3, 9),
        talk(9, 3),
        talk(1025, 9),
        talk(1000, 1049),
        talk(9),
        {"id": "none"},
        {"conversations": "text"},
    ]
    path.write_text(json.dumps(rows))
    seen = workload(path, tokenizer=words)
    assert seen.input_tokens.tolist() == [4, 1024] and seen.output_tokens.tolist() == [4, 1024]
    assert seen.provenance.kind == "sharegpt" and seen.provenance.rows_read == 9
    assert dict(seen.provenance.left_out) == {
        texts.SHORT: 2,
        texts.LONG_PROMPT: 1,
        texts.LONG: 1,
        texts.FEW_TURNS: 2,
        texts.NOT_JSON: 1,
    }


def test_the_limits_are_those_of_the_vllm_that_is_installed() -> None:
    """What our reader keeps is what vLLM's own check accepts, around each of its limits."""
    vllm = importlib.util.find_spec("vllm")
    if vllm is None or vllm.origin is None:
        pytest.skip("vLLM is not installed")
    # its function alone: importing the module takes half a minute
    source = ast.parse((Path(vllm.origin).parent / "benchmarks" / "datasets" / "datasets.py").read_text())
    wanted = [node for node in source.body if isinstance(node, ast.FunctionDef) and node.name == "is_valid_sequence"]
    names: dict[str, Any] = {}
    exec(compile(ast.Module(body=list[ast.stmt](wanted), type_ignores=[]), "vllm", "exec"), names)
    for prompt in (3, 4, 5, 1023, 1024, 1025):
        for answer in (3, 4, 5, 1023, 1024, 1025):
            short = min(prompt, answer) < texts.FEWEST_TOKENS
            long = prompt > texts.MOST_PROMPT_TOKENS or prompt + answer > texts.MOST_TOKENS
            assert names["is_valid_sequence"](prompt, answer) is not (short or long), (prompt, answer)


def test_texts_need_something_that_counts_them(tmp_path: Path) -> None:
    """Without a tokenizer the sentence names both ways out; the estimate is one, and says that it is one."""
    path = custom(tmp_path, {"prompt": "12345678é", "output_tokens": 1})
    with pytest.raises(ConfigurationError, match=r"\(--tokenizer FOLDER\), or rough numbers \(--tokenizer estimate\)"):
        workload(path)
    seen = workload(path, tokenizer="estimate")
    assert seen.input_tokens.tolist() == [3]  # ten bytes
    assert "token counts are estimates" in seen.provenance.doubts[0]


@pytest.mark.parametrize(
    ("content", "words_"),
    [(None, "no tokenizer.json in"), ("{}", "cannot be read as a tokenizer"), ("not JSON", "cannot be read as a tok")],
)
def test_a_tokenizer_that_cannot_be_used_is_told(tmp_path: Path, content: str | None, words_: str) -> None:
    """A folder without one, and files that are none, end in a sentence."""
    pytest.importorskip("tokenizers")
    path = custom(tmp_path, {"prompt": "w", "output_tokens": 1})
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(ConfigurationError, match=words_):
        workload(path, tokenizer=str(tmp_path))


def test_without_the_library_the_sentence_says_where_it_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package tokenizers is no dependency of ours, so its absence has a remedy."""
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    (tmp_path / "tokenizer.json").write_text("{}")
    path = custom(tmp_path, {"prompt": "w", "output_tokens": 1})
    with pytest.raises(ConfigurationError, match=r"comes with pytest-joules\[transformers\]"):
        workload(path, tokenizer=str(tmp_path))


@pytest.mark.parametrize(
    ("content", "words_"),
    [("[", "is no whole JSON array"), ("[]", "no usable row: 0 read"), ('[{"id": 1}]', "1 with fewer than two turns")],
)
def test_an_array_without_conversations_is_refused(tmp_path: Path, content: str, words_: str) -> None:
    """A cut-off file and one without a conversation are told apart."""
    path = tmp_path / "talks.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=words_):
        workload(path, tokenizer="estimate")
