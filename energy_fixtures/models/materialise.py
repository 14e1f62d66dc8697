"""From a model's specification to files that a framework opens, made once and kept.

specification ─► recipe ─► digest ─► cache/<name>-<digest>/   whole?  ──► use it
                                            │ no
                      under a lock: build in a folder beside it, then rename; readers see all of it or nothing
"""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.models.architecture import whole_number
from energy_fixtures.models.base import LocalModel, ModelSpec
from energy_fixtures.models.build import write_weights
from energy_fixtures.models.catalogue import config_of, weight_files
from energy_fixtures.models.shapes import Config
from energy_fixtures.models.tiny import RECIPES
from energy_fixtures.models.vocabulary import tokenizer_files, vocabulary

MARKER = "complete.json"
"""Written last: the size in bytes of every file of the model."""

_WORK_PREFIX = ".building-"

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
    """Build the model unless another process did meanwhile, and rename it to `target` in one step."""
    root = target.parent
    root.mkdir(parents=True, exist_ok=True)
    with _only_builder(root):
        if is_complete(target):
            return
        for left in root.glob(f"{_WORK_PREFIX}*"):  # of a builder that was killed: the lock says that none is at work
            shutil.rmtree(left, ignore_errors=True)
        work = Path(tempfile.mkdtemp(prefix=_WORK_PREFIX, dir=root))
        try:
            fresh = work / "fresh"
            fresh.mkdir()
            _write(spec, fresh)
            if target.exists():  # damaged
                target.rename(work / "damaged")
            fresh.rename(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _only_builder(root: Path) -> Iterator[None]:
    """Wait until no other process builds below `root`; the lock ends with the process that holds it."""
    with (root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


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
    eos = whole_number(config, "eos_token_id")
    bos = None if config.get("bos_token_id") is None else whole_number(config, "bos_token_id")
    pad = None if config.get("pad_token_id") is None else whole_number(config, "pad_token_id")
    words = vocabulary(whole_number(config, "vocab_size"), eos=eos, bos=bos, pad=pad)
    generation = {"bos_token_id": bos, "eos_token_id": eos, "pad_token_id": eos if pad is None else pad}
    return {
        "config.json": json.dumps(config, indent=1),
        "generation_config.json": json.dumps(generation, indent=1),
        **tokenizer_files(words, whole_number(config, "max_position_embeddings")),
    }
