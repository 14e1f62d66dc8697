"""Models in the cache: made once, whole or not there, by however many processes."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.models.base import LocalModel, ModelSpec
from energy_fixtures.models.catalogue import SHAPES, resolve
from energy_fixtures.models.materialise import MARKER, default_cache, is_complete, materialise

pytest.importorskip("safetensors")

DRAFT = resolve("tiny-draft")


def entries(cache: Path) -> list[str]:
    """What lies in the cache, the lock left out."""
    return sorted(path.name for path in cache.iterdir() if path.name != ".lock")


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["tiny", "tiny-draft", "tiny-moe"])
def test_built_models_hold_weights(name: str, tmp_path: Path) -> None:
    """A built model is a folder with configuration, tokenizer and real weights, and nothing else is left."""
    local = materialise(resolve(name), tmp_path)
    assert local.load_format == "auto" and local.revision is None
    assert set(contents(Path(local.path))) == {
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "model.safetensors",
        MARKER,
    }
    assert entries(tmp_path) == [Path(local.path).name]
    assert Path(local.path).name.startswith(f"{name}-")


@pytest.mark.parametrize("name", ["llama-3.1-8b", "olmo-1b", "gemma-2b"])
def test_shapes_hold_no_weights(name: str, tmp_path: Path) -> None:
    """A shape is its published configuration and a tokenizer; the framework draws the weights."""
    local = materialise(resolve(f"shape:{name}"), tmp_path)
    assert local.load_format == "dummy"
    assert json.loads((Path(local.path) / "config.json").read_text()) == dict(SHAPES[name].config)
    assert not list(Path(local.path).glob("*.safetensors"))


def test_a_model_is_made_once(tmp_path: Path) -> None:
    """The second call finds what the first has made and touches nothing."""
    first = materialise(DRAFT, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in Path(first.path).iterdir()}
    assert materialise(DRAFT, tmp_path) == first
    assert {path: path.stat().st_mtime_ns for path in Path(first.path).iterdir()} == before


def test_two_builds_are_equal_to_the_byte(tmp_path: Path) -> None:
    """Every file of a built model is the same whenever and wherever it is built."""
    one, two = (materialise(DRAFT, tmp_path / name) for name in ("one", "two"))
    assert contents(Path(one.path)) == contents(Path(two.path))
    assert Path(one.path).name == Path(two.path).name


def _lose_marker(folder: Path) -> None:
    (folder / MARKER).unlink()


def _lose_file(folder: Path) -> None:
    (folder / "config.json").unlink()


def _cut_weights(folder: Path) -> None:
    os.truncate(folder / "model.safetensors", 1000)


def _garble_marker(folder: Path) -> None:
    (folder / MARKER).write_text("[")


def _become_a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("not a folder")


@pytest.mark.parametrize("damage", [_lose_marker, _lose_file, _cut_weights, _garble_marker, _become_a_file])
def test_a_damaged_model_is_made_anew(damage: Any, tmp_path: Path) -> None:
    """A cache entry that is not whole is replaced by a whole one."""
    folder = Path(materialise(DRAFT, tmp_path).path)
    whole = contents(folder)
    damage(folder)
    assert not is_complete(folder)
    materialise(DRAFT, tmp_path)
    assert contents(folder) == whole
    assert entries(tmp_path) == [folder.name]


def test_what_a_killed_builder_left_is_cleared(tmp_path: Path) -> None:
    """The half-built folder of a process that was killed goes away with the next build."""
    (tmp_path / ".building-dead" / "fresh").mkdir(parents=True)
    local = materialise(DRAFT, tmp_path)
    assert entries(tmp_path) == [Path(local.path).name]


def _build_when_told(cache: Path, barrier: Any, answers: Any) -> None:
    barrier.wait(timeout=60)
    local = materialise(DRAFT, cache)
    answers.put((local.path, is_complete(Path(local.path))))


def test_processes_may_build_at_once(tmp_path: Path) -> None:
    """Processes that ask for the same model together all get the same whole folder."""
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(3), context.Queue()
    builders = [context.Process(target=_build_when_told, args=(tmp_path, barrier, answers)) for _ in range(3)]
    for builder in builders:
        builder.start()
    seen = [answers.get(timeout=60) for _ in builders]
    for builder in builders:
        builder.join(timeout=60)
        assert builder.exitcode == 0
    assert set(seen) == {(str(tmp_path / Path(seen[0][0]).name), True)}
    assert entries(tmp_path) == [Path(seen[0][0]).name]


def test_the_cache_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models are kept below XDG_CACHE_HOME where it is set, else below the home's .cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert Path(materialise(DRAFT).path).parent == tmp_path / "cache" / "pytest-joules" / "models"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache() == tmp_path / ".cache" / "pytest-joules" / "models"


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """No room for the model is one sentence with the folder, the reason and the way out."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="XDG_CACHE_HOME") as caught:
        materialise(DRAFT, tmp_path / "file" / "cache")
    assert str(tmp_path / "file" / "cache") in str(caught.value)


def test_a_whole_model_needs_no_permission_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is there is used without a write, so that a cache may be mounted read-only."""
    first = materialise(DRAFT, tmp_path)
    (tmp_path / ".lock").unlink()
    assert materialise(DRAFT, tmp_path) == first
    assert not (tmp_path / ".lock").exists()


def test_hub_models_are_left_to_the_framework(tmp_path: Path) -> None:
    """A hub id is handed on with its revision, and nothing is written."""
    assert materialise(resolve("owner/model@v1"), tmp_path) == LocalModel(
        path="owner/model", load_format="auto", revision="v1"
    )
    assert list(tmp_path.iterdir()) == []


def test_folders_are_used_where_they_are(tmp_path: Path) -> None:
    """A folder is opened in place: with its weights where it holds any, else with random ones."""
    (tmp_path / "config.json").write_text("{}")
    spec = resolve(str(tmp_path))
    assert materialise(spec) == LocalModel(path=str(tmp_path.resolve()), load_format="dummy")
    (tmp_path / "model.safetensors").write_text("")
    assert materialise(spec) == LocalModel(path=str(tmp_path.resolve()), load_format="auto")


def test_a_folder_without_location_is_refused() -> None:
    """A specification that lost its location is refused, not looked for in the working directory."""
    with pytest.raises(ConfigurationError, match="names no folder"):
        materialise(ModelSpec(name="mine", source="folder", default_dtype="auto"))
