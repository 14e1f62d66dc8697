"""Names of models: what each stands for, and what is said to those that stand for nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.models.architecture import architecture
from energy_fixtures.models.base import ModelSpec
from energy_fixtures.models.catalogue import SHAPES, architecture_of, config_of, resolve, weight_bytes
from energy_fixtures.models.tiny import TINY


def a_folder(path: Path, **files: str) -> Path:
    """A model folder with a tiny configuration and the given further files (underscores stand for dots)."""
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(TINY))
    for name, content in files.items():
        (path / name.replace("_", ".")).write_text(content)
    return path


def test_tiny_knows_its_family() -> None:
    """The default model names its draft and its mixture-of-experts sibling, and runs in float32."""
    spec = resolve("tiny")
    assert (spec.source, spec.draft, spec.moe, spec.default_dtype) == ("built", "tiny-draft", "tiny-moe", "float32")
    assert spec.dummy_weights


@pytest.mark.parametrize("name", [*(f"shape:{name}" for name in SHAPES), "tiny", "tiny-draft", "tiny-moe"])
def test_every_name_and_every_relative_resolves_to_itself(name: str) -> None:
    """The name of a known model, and the draft and sibling it names, resolve to models of those very names."""
    spec = resolve(name)
    assert spec.name == name
    for relative in filter(None, (spec.draft, spec.moe)):
        assert resolve(relative).name == relative


@pytest.mark.parametrize("typed", ["shape:Llama-3.1-8B", "SHAPE:llama-3.1-8b", " shape:LLAMA-3.1-8B "])
def test_shapes_are_named_in_any_case(typed: str) -> None:
    """Upper and lower case name the same shape, so that equal experiments have equal names."""
    assert resolve(typed) == resolve("shape:llama-3.1-8b")


@pytest.mark.parametrize("name", [name for name, shape in SHAPES.items() if shape.draft])
def test_a_draft_speaks_the_vocabulary_of_its_target(name: str) -> None:
    """A draft has as many embedding rows as its target, which vLLM and Transformers insist on, and fewer parameters."""
    shape = SHAPES[name]
    draft = SHAPES[shape.draft or ""]
    assert draft.config["vocab_size"] == shape.config["vocab_size"]
    assert draft.parameters < shape.parameters / 2


@pytest.mark.parametrize("sibling", [shape.moe for shape in SHAPES.values() if shape.moe])
def test_an_moe_sibling_is_sparse(sibling: str) -> None:
    """A mixture-of-experts sibling uses fewer parameters for a token than it has."""
    shape = architecture(SHAPES[sibling].config)
    assert shape.active_parameters < shape.parameters / 2


def test_a_hub_id_may_name_a_revision() -> None:
    """Owner, name and revision of a hub id are told apart, and the name keeps all three."""
    assert resolve("allenai/OLMo-1B-hf@refs/pr/1") == ModelSpec(
        name="allenai/OLMo-1B-hf@refs/pr/1",
        source="hub",
        default_dtype="auto",
        location="allenai/OLMo-1B-hf",
        revision="refs/pr/1",
    )
    assert resolve("allenai/OLMo-1B-hf").revision is None


def test_a_folder_is_named_by_its_last_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However a folder is typed, results name only its last part and contents, and the engine gets its absolute path."""
    folder = a_folder(tmp_path / "secret" / "mine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for typed in (str(folder), "secret/mine", "./secret/mine/", "~/secret/mine"):
        spec = resolve(typed)
        assert (spec.name[:5], spec.source, spec.location) == ("mine@", "folder", str(folder.resolve()))
    monkeypatch.chdir(folder)
    assert resolve(".").name == spec.name


def test_folders_of_one_name_are_two_models(tmp_path: Path) -> None:
    """Equal folders are one model wherever they lie; another configuration or other weights make another one."""
    names = []
    for place, weights in (("a", "x"), ("b", "x"), ("c", "xy")):
        folder = a_folder(tmp_path / place / "mine")
        (folder / "model.safetensors").write_text(weights)
        names.append(resolve(str(folder)).name)

    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("tinny", "tiny"),
        ("llama-3.1-8b", "shape:llama-3.1-8b"),
        ("shape:llama-3.1-8", "shape:llama-3.1-8b"),
        ("shape:qwen2.5-15b", "shape:qwen2.5-14b"),
        ("", "tiny"),
        ("a/b/c", "owner/name"),
        ("./no-such-folder", "config.json"),
        ("~no-such-user/model", "config.json"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(typed: str, hint: str) -> None:
    """What cannot be resolved is refused in one line that quotes it and says what would do."""
    with pytest.raises(ConfigurationError) as caught:
        resolve(typed)
    message = str(caught.value)
    assert repr(typed) in message and hint in message
    assert "\n" not in message


def test_a_folder_without_a_configuration_is_refused(tmp_path: Path) -> None:
    """A folder that holds no config.json is no model."""
    with pytest.raises(ConfigurationError, match=r"holds no config\.json"):
        resolve(str(tmp_path))


@given(st.text(max_size=400))
def test_any_text_resolves_or_is_refused(typed: str) -> None:
    """Whatever is typed, the answer is a model or a configuration error, never another failure."""
    try:
        spec = resolve(typed)
    except ConfigurationError:
        return
    assert spec.name and "\n" not in spec.name


def test_weight_bytes_follow_the_dtype() -> None:
    """A model without weight files takes its parameters times the bytes of each; `auto` is the model's own dtype."""
    spec = resolve("shape:llama-3.1-8b")
    assert weight_bytes(spec, "float32") == 4 * 8_030_261_248
    assert weight_bytes(spec, "auto") == 2 * 8_030_261_248
    assert weight_bytes(resolve("tiny"), "auto") == weight_bytes(resolve("tiny"), "float32")
    assert weight_bytes(spec, "no-such-dtype") is None


def test_weight_bytes_of_a_folder_are_those_on_disk(tmp_path: Path) -> None:
    """Weights that lie on disk count as they lie there, once, even beside the same in another layout."""
    folder = a_folder(tmp_path / "m", **{"model-1_safetensors": "x" * 10, "model-2_safetensors": "x" * 5})
    assert weight_bytes(resolve(str(folder)), "float32") == 15
    (folder / "consolidated.safetensors").write_text("x" * 15)
    assert weight_bytes(resolve(str(folder)), "float32") == 15


def test_weight_bytes_of_a_folder_without_weights_come_from_its_configuration(tmp_path: Path) -> None:
    """A folder that holds only a configuration counts by it, and is unknown where the architecture is."""
    spec = resolve(str(a_folder(tmp_path / "m")))
    assert weight_bytes(spec, "auto") == 4 * architecture(TINY).parameters
    assert architecture_of(spec) == architecture(TINY)
    (tmp_path / "m" / "config.json").write_text('{"model_type": "my-own"}')
    assert weight_bytes(spec, "float32") is None and architecture_of(spec) is None


def test_a_hub_model_is_known_once_it_is_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below HF_HOME a cached model has a configuration and a size; one that is not there has neither."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    spec = resolve("owner/model")
    assert weight_bytes(spec, "float32") is None and config_of(spec) is None and architecture_of(spec) is None
    repository = tmp_path / "hub" / "models--owner--model"
    a_folder(repository / "snapshots" / "c0ffee", model_safetensors="x" * 7)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("c0ffee")
    assert weight_bytes(spec, "float32") == 7
    assert weight_bytes(resolve("owner/model@c0ffee"), "float32") == 7
    assert weight_bytes(resolve("owner/model@other"), "float32") is None


def test_a_broken_configuration_is_named(tmp_path: Path) -> None:
    """A config.json that is no JSON is reported with the model's name."""
    folder = a_folder(tmp_path / "mine")
    (folder / "config.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"'mine@.*' cannot be read"):
        config_of(resolve(str(folder)))


def test_the_catalogue_imports_no_framework() -> None:
    """Resolving names, as collection does, leaves torch, transformers and numpy unimported."""
    code = (
        "import sys; from energy_fixtures.models.materialise import materialise; "
        "from energy_fixtures.models.catalogue import resolve; resolve('tiny'); "
        "print([m for m in ('torch', 'transformers', 'vllm', 'numpy', 'safetensors') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
