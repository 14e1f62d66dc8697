"""From the name a user typed to a model: what exists, what belongs to it, how large it is. No framework is imported."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
from pathlib import Path

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.foreign import MOST_TABLE_BYTES, Refused, json_object, read_file
from energy_fixtures.models.architecture import BYTES_PER_PARAMETER, Architecture, architecture
from energy_fixtures.models.base import ModelSpec
from energy_fixtures.models.shapes import SHAPES, Config, Shape
from energy_fixtures.models.synthetic import DTYPE as SYNTHETIC_DTYPE
from energy_fixtures.models.synthetic import PREFIX as SYNTHETIC_PREFIX
from energy_fixtures.models.synthetic import synthetic
from energy_fixtures.models.tiny import RECIPES

__all__ = ["SHAPES", "Shape", "architecture_of", "config_of", "resolve", "weight_bytes", "weight_files"]

SHAPE_PREFIX = "shape:"

_TINY_SPECS = {
    "tiny": ModelSpec(name="tiny", source="built", default_dtype="float32", draft="tiny-draft", moe="tiny-moe"),
    "tiny-draft": ModelSpec(name="tiny-draft", source="built", default_dtype="float32"),
    "tiny-moe": ModelSpec(name="tiny-moe", source="built", default_dtype="float32"),
}

# What huggingface.co accepts: letters, digits, ".", "-", "_" on both sides; a revision may hold slashes.
# Both are parts of a path in the hub's cache, so that neither may be longer than a file's name or climb out of it.
_HUB_ID = re.compile(r"(?P<id>\w[\w.-]{0,95}/\w[\w.-]{0,95})(?:@(?P<revision>(?!.*\.\.)\w[\w./-]{0,199}))?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{1,64}", re.ASCII)


def resolve(name: str) -> ModelSpec:
    """The model that `name` stands for.

    Args:
        name: `tiny`, `tiny-draft`, `tiny-moe`, `shape:NAME` (any case), `synthetic:l12-h768-a12-kv4-f3072`, a folder
            that holds a config.json, or a hub id `owner/name`, optionally `@revision`.

    Raises:
        ConfigurationError: None of these; the message names the nearest that exist.
    """
    typed = name.strip()
    lowered = typed.lower()
    if lowered in _TINY_SPECS:
        return _TINY_SPECS[lowered]
    if lowered.startswith(SHAPE_PREFIX):
        return _shape(lowered.removeprefix(SHAPE_PREFIX), typed)
    if lowered.startswith(SYNTHETIC_PREFIX):
        synthetic(lowered)  # says what is wrong with it
        return ModelSpec(name=lowered, source="shape", default_dtype=SYNTHETIC_DTYPE)
    folder = os.path.expanduser(typed)
    if os.path.isdir(folder) or typed in (".", "..") or typed.startswith(("/", "./", "../", "~")):
        return _folder(Path(folder), typed)
    hub = _HUB_ID.fullmatch(typed)
    if hub is not None:
        return ModelSpec(name=typed, source="hub", default_dtype="auto", location=hub["id"], revision=hub["revision"])
    raise ConfigurationError(
        f"no model is called {typed!r}; {_nearest(lowered)}, or give a hub id (owner/name) or a model's folder."
    )


def config_of(spec: ModelSpec) -> Config | None:
    """Content of the model's config.json, as far as this machine has it; None for a hub model that is not cached."""
    if spec.source == "built":
        return RECIPES[spec.name].config
    if spec.source == "shape" and spec.name.startswith(SYNTHETIC_PREFIX):
        return synthetic(spec.name)
    if spec.source == "shape":
        return SHAPES[spec.name.removeprefix(SHAPE_PREFIX)].config
    folder = _local_folder(spec)
    if folder is None or not (folder / "config.json").is_file():
        return None
    try:
        return json_object(read_file(folder / "config.json", MOST_TABLE_BYTES))
    except (OSError, Refused) as error:
        message = f"the config.json of model {spec.name!r} cannot be read ({error}); mend or replace it."
        raise ConfigurationError(message) from error


def architecture_of(spec: ModelSpec) -> Architecture | None:
    """The model's shape; None where it is not known: a hub model that is not cached, an architecture of the user's own."""
    try:
        config = config_of(spec)
    except ConfigurationError:  # whoever opens the model says so
        return None
    return None if config is None else _known(config)


def weight_bytes(spec: ModelSpec, dtype: str) -> int | None:
    """Memory that the weights take, in bytes, before any engine overhead.

    Weights on disk are counted as they lie there; others by parameter count at `dtype` ("auto": the model's own).
    None where it cannot be known: a hub model that is not cached, an unknown architecture or dtype.
    """
    folder = _local_folder(spec)
    if folder is not None:
        files = [path for path in folder.glob("*.safetensors") if path.is_file()]
        # some repositories hold the same weights once more in their maker's own layout (consolidated.safetensors)
        files = [path for path in files if path.name.startswith("model")] or files
        if files:
            return sum(path.stat().st_size for path in files)
    config = config_of(spec)
    if config is None:
        return None
    wanted = dtype if dtype != "auto" else spec.default_dtype
    if wanted == "auto":
        wanted = str(config.get("dtype") or config.get("torch_dtype"))
    shape = _known(config)
    return None if shape is None or wanted not in BYTES_PER_PARAMETER else round(shape.weight_bytes(wanted))


def weight_files(folder: Path) -> list[Path]:
    """Files in `folder` that hold weights in a format that the engines open."""
    return [path for pattern in ("*.safetensors", "*.bin", "*.pt", "*.pth", "*.gguf") for path in folder.glob(pattern)]


def _known(config: Config) -> Architecture | None:
    try:
        return architecture(config)
    except ConfigurationError:  # an architecture of the user's own: its size is unknown, which is no error
        return None


def _shape(wanted: str, typed: str) -> ModelSpec:
    shape = SHAPES.get(wanted)
    if shape is None:
        raise ConfigurationError(f"no shape is called {typed!r}; {_nearest(SHAPE_PREFIX + wanted)}.")
    return ModelSpec(
        name=SHAPE_PREFIX + wanted,
        source="shape",
        default_dtype=shape.dtype,
        draft=None if shape.draft is None else SHAPE_PREFIX + shape.draft,
        moe=None if shape.moe is None else SHAPE_PREFIX + shape.moe,
    )


def _folder(folder: Path, typed: str) -> ModelSpec:
    if not os.path.isdir(folder):
        raise ConfigurationError(f"model folder {typed!r} does not exist; give a folder that holds a config.json.")
    if not (folder / "config.json").is_file():
        raise ConfigurationError(f"folder {typed!r} holds no config.json and so no model; give the folder that does.")
    location = folder.resolve()
    named = Path(os.path.abspath(folder)).name or "model"  # a link keeps the name that the user gave it
    return ModelSpec(name=f"{named}@{_contents(folder)}", source="folder", default_dtype="auto", location=str(location))


def _contents(folder: Path) -> str:
    """Eight hex digits that tell two models in folders of one name apart: configuration, and names and sizes of weights."""
    weights = sorted((path.name, path.stat().st_size) for path in weight_files(folder))
    return hashlib.sha256((folder / "config.json").read_bytes() + repr(weights).encode()).hexdigest()[:8]


def _local_folder(spec: ModelSpec) -> Path | None:
    """Where the model's files lie on this machine: its folder, or its snapshot in the hub's cache."""
    if spec.source == "folder" and spec.location is not None:
        return Path(spec.location)
    if spec.source != "hub" or spec.location is None:
        return None
    home = Path(os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    repository = hub / ("models--" + spec.location.replace("/", "--"))
    revision = spec.revision or "main"
    reference = repository / "refs" / revision
    said = reference.read_bytes()[:100].decode("ascii", "replace").strip() if reference.is_file() else revision
    commit = said if _COMMIT.fullmatch(said) else revision
    snapshot = repository / "snapshots" / commit
    return snapshot if snapshot.is_dir() else None


def _nearest(wanted: str) -> str:
    """The known names that look most like `wanted`, as the middle of a sentence."""
    known = [*_TINY_SPECS, *(SHAPE_PREFIX + name for name in SHAPES)]
    wanted = wanted[:200]
    candidates = difflib.get_close_matches(wanted, known, n=3, cutoff=0.4)
    if wanted and not candidates:  # "llama-3.1-8b" without its prefix
        candidates = difflib.get_close_matches(SHAPE_PREFIX + wanted, known, n=3, cutoff=0.4)
    return f"nearest are {', '.join(candidates)}" if candidates else "known are tiny, tiny-moe and shape:NAME"
