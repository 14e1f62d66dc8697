"""From a model's specification to files that a framework opens, made once and kept.

    specification ─► recipe ─► digest ─► cache/<name>-<digest>/   whole?  ──► use it
                                                │ no
                                   build in a folder beside it, then rename: readers see all of it or nothing
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.models.base import LocalModel, ModelSpec
from energy_fixtures.models.build import write_weights
from energy_fixtures.models.catalogue import config_of, weight_files
from energy_fixtures.models.shapes import Config
from energy_fixtures.models.tiny import RECIPES
from energy_fixtures.models.vocabulary import tokenizer_files, vocabulary

MARKER = "complete.json"
"""Written last: the size in bytes of every file of the model."""

LAYOUT_VERSION = 1
"""Raised when the files change for an unchanged recipe, so that cached models are made anew."""


def materialise(spec: ModelSpec, cache: Path | None = None) -> LocalModel:
    """Make the model openable: build it into the cache if it is not there, or say where it is.

    Safe to call from several processes at once, and repairs a damaged entry. Nothing is downloaded: a hub id is handed
    on to the framework, which honours HF_HOME.

    Args:
        spec: From `catalogue.resolve`.
        cache: Folder of the built models; `default_cache()` when None.

    Raises:
        ConfigurationError: The cache cannot be written.
    """
    if spec.source == "hub":
        return LocalModel(path=_location(spec), load_format="auto", revision=spec.revision)
    if spec.source == "folder":
        location = Path(_location(spec))
        return LocalModel(path=str(location), load_format="auto" if weight_files(location) else "dummy")
    root = default_cache() if cache is None else cache
    target = root / f"{spec.name.replace(':', '-')}-{_digest(spec)}"
    try:
        if not is_complete(target):
            root.mkdir(parents=True, exist_ok=True)
            _publish(spec, target)
    except OSError as error:
        raise ConfigurationError(
            f"model {spec.name!r} cannot be put into {root} ({error.strerror or error}); "
            "make room there or set XDG_CACHE_HOME to a folder that can be written."
        ) from error
    return LocalModel(path=str(target), load_format="auto" if spec.source == "built" else "dummy")


def default_cache() -> Path:
    """Where built models are kept: below XDG_CACHE_HOME, else below ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pytest-joules" / "models"


def is_complete(folder: Path) -> bool:
    """Whether `folder` holds every file of a published model, each as long as when it was written."""
    try:
        sizes = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        return isinstance(sizes, dict) and all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError):
        return False


def _location(spec: ModelSpec) -> str:
    if spec.location is None:
        raise ConfigurationError(f"model {spec.name!r} names no {spec.source}; resolve it from the name again.")
    return spec.location


def _digest(spec: ModelSpec) -> str:
    """Eight hex digits of everything that decides the files' bytes."""
    recipe = RECIPES.get(spec.name)
    parts = [LAYOUT_VERSION, config_of(spec) if recipe is None else dataclasses.asdict(recipe)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]


def _publish(spec: ModelSpec, target: Path) -> None:
    """Build beside `target` and rename; a builder that was quicker wins, a damaged entry is put away."""
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        fresh = work / "model"
        fresh.mkdir()
        _write(spec, fresh)
        while not is_complete(target):
            if target.exists():
                _put_away(target, work)
            try:
                fresh.rename(target)  # refused when somebody published meanwhile: look again
            except OSError:
                if not target.exists():
                    raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _put_away(damaged: Path, work: Path) -> None:
    """Move a damaged entry out of the way; another process may have done so first."""
    try:
        damaged.rename(Path(tempfile.mkdtemp(dir=work)) / "damaged")
    except FileNotFoundError:
        return


def _write(spec: ModelSpec, folder: Path) -> None:
    """Write configuration, tokenizer, weights where the model has any, and last the marker."""
    config = config_of(spec)
    if config is None:
        raise ConfigurationError(f"model {spec.name!r} has no configuration on this machine; name a shape or a folder.")
    for name, text in _texts(config).items():
        (folder / name).write_text(text, encoding="utf-8")
    if spec.source == "built":
        write_weights(RECIPES[spec.name], folder)
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    (folder / MARKER).write_text(json.dumps(sizes, indent=1), encoding="utf-8")


def _texts(config: Config) -> dict[str, str]:
    """Name and content of every file of a model but its weights."""
    numbers: dict[str, int | None] = json.loads(json.dumps(config))
    size, eos, context = numbers["vocab_size"], numbers["eos_token_id"], numbers["max_position_embeddings"]
    assert size is not None and eos is not None and context is not None  # every configuration of this package has them
    bos, pad = numbers.get("bos_token_id"), numbers.get("pad_token_id")
    generation = {"bos_token_id": bos, "eos_token_id": eos, "pad_token_id": eos if pad is None else pad}
    files = {
        "config.json": json.dumps(config, indent=1),
        "generation_config.json": json.dumps({key: value for key, value in generation.items() if value is not None}),
    }
    files.update(tokenizer_files(vocabulary(size, bos, eos, pad), context))
    return files
