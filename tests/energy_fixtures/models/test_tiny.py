"""The built models in a real engine: they load whole, talk lively, and the draft guesses well but not perfectly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from energy_fixtures.models.catalogue import SHAPES, resolve
from energy_fixtures.models.materialise import materialise

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.engines

PROMPTS, PROMPT_TOKENS, NEW_TOKENS, LOOK_AHEAD = 16, 64, 96, 4


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for this module's models."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Models this small run fastest on one thread, above all beside other work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def texts(cache: Path) -> Any:
    """What `tiny` says after random prompts, prompts included."""
    return continuation(load("tiny", cache), random_prompts())


def load(name: str, cache: Path) -> Any:
    """A built model, opened the way the engine opens it."""
    return transformers.AutoModelForCausalLM.from_pretrained(materialise(resolve(name), cache).path).eval()


def random_prompts() -> Any:
    """Prompts of random ids, shape (PROMPTS, PROMPT_TOKENS)."""
    return torch.randint(0, 512, (PROMPTS, PROMPT_TOKENS), generator=torch.Generator().manual_seed(0))


def continuation(model: Any, prompts: Any) -> Any:
    """Prompts with their greedy continuation, shape (PROMPTS, PROMPT_TOKENS + NEW_TOKENS)."""
    return model.generate(
        prompts, attention_mask=torch.ones_like(prompts), max_new_tokens=NEW_TOKENS, do_sample=False, eos_token_id=None
    )


@pytest.mark.parametrize("name", ["tiny", "tiny-draft", "tiny-moe"])
def test_checkpoints_load_whole(name: str, cache: Path) -> None:
    """Transformers finds every weight it wants and wants every weight it finds, in float32."""
    path = materialise(resolve(name), cache).path
    model, info = transformers.AutoModelForCausalLM.from_pretrained(path, output_loading_info=True)
    assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert model.dtype == torch.float32


@pytest.mark.parametrize("name", ["tiny", "tiny-moe"])
def test_greedy_text_does_not_fall_into_a_loop(name: str, cache: Path, texts: Any) -> None:
    """From random prompts the built models go on with many different tokens, to the end."""
    said = texts if name == "tiny" else continuation(load(name, cache), random_prompts())
    replies = said[:, PROMPT_TOKENS:].tolist()
    assert min(len(set(reply)) for reply in replies) >= NEW_TOKENS // 4
    last = [len(set(reply[-32:])) for reply in replies]
    assert sorted(last)[len(last) // 2] >= 20


def test_draft_is_accepted_often_but_not_always(cache: Path, texts: Any) -> None:
    """With four tokens looked ahead, between 0.4 and 0.75 of the drafted tokens are what the target would have said."""
    with torch.no_grad():
        guesses = load("tiny-draft", cache)(texts).logits.argmax(-1)
    hits = (guesses[:, PROMPT_TOKENS - 1 : -1] == texts[:, PROMPT_TOKENS:]).tolist()
    accepted = drafted = 0
    for row in hits:  # as the engines do: guess, keep the agreeing beginning and one token of the target, guess again
        at = 0
        while at + LOOK_AHEAD <= len(row):
            kept = (*row[at : at + LOOK_AHEAD], False).index(False)
            accepted, drafted, at = accepted + kept, drafted + LOOK_AHEAD, at + kept + 1
    assert 0.4 < accepted / drafted < 0.75


def test_assisted_generation_says_what_the_target_says(cache: Path, texts: Any) -> None:
    """Transformers takes the draft as assistant, and the text is the target's own."""
    target, draft = load("tiny", cache), load("tiny-draft", cache)
    prompt = random_prompts()[:1]
    assisted = target.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        assistant_model=draft,
        max_new_tokens=NEW_TOKENS,
        do_sample=False,
        eos_token_id=None,
    )
    assert torch.equal(assisted, texts[:1])


@pytest.mark.parametrize("name", ["tiny", "tiny-moe", "shape:llama-3.1-8b", "shape:olmo-1b"])
def test_tokenizers_load_and_round_trip(name: str, cache: Path) -> None:
    """AutoTokenizer opens the tokenizer, knows every id and the special tokens, and gives text back."""
    path = materialise(resolve(name), cache).path
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    config = transformers.AutoConfig.from_pretrained(path)
    assert len(tokenizer) == config.vocab_size
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id) == (config.bos_token_id, config.eos_token_id)
    text = "Ten joules, naïvely: 10 J."
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids) == text
    assert tokenizer(tokenizer.decode(ids))["input_ids"] == ids


@pytest.mark.parametrize("name", SHAPES)
def test_configurations_are_understood(name: str, cache: Path) -> None:
    """Transformers reads each shape's configuration as the architecture it names, with all sizes in place."""
    config = transformers.AutoConfig.from_pretrained(materialise(resolve(f"shape:{name}"), cache).path)
    written = SHAPES[name].config
    assert config.model_type == written["model_type"]
    assert config.rope_parameters["rope_theta"] == written["rope_theta"]
    assert {key: getattr(config, key) for key in ("hidden_size", "num_hidden_layers", "vocab_size")} == {
        key: written[key] for key in ("hidden_size", "num_hidden_layers", "vocab_size")
    }
