"""What a model is before any framework is imported."""

from __future__ import annotations

from typing import Literal

from energy_fixtures.record import Record


class ModelSpec(Record, frozen=True, kw_only=True):
    """A model that can be loaded, resolved from the name a user typed.

    Attributes:
        name: As the user types it: `tiny`, `tiny-moe`, `shape:llama-3.1-8b`, a hub id, or the last part of a folder with a digest of
            what is in it.
        source: `built` (made on the spot with weights), `shape` (configuration only, dummy weights), `hub`, `folder`.
        location: Hub id or folder for those sources; None where the model is made on the spot.
        default_dtype: What "auto" means for it; "auto" again where only the model's own configuration knows.
        draft: Name of the draft model that belongs to it, where one is known.
        moe: Name of its mixture-of-experts sibling, where one is known.
        revision: Commit of the hub, where one was named.
        trusted: Whether the user named it as a model whose own code may run.
    """

    name: str
    source: Literal["built", "shape", "hub", "folder"]
    default_dtype: str
    location: str | None = None
    draft: str | None = None
    moe: str | None = None
    revision: str | None = None
    trusted: bool = False

    @property
    def dummy_weights(self) -> bool:
        """Whether its weights are random numbers, which every result then says."""
        return self.source in ("built", "shape")


class LocalModel(Record, frozen=True, kw_only=True):
    """A model as a framework can open it: a folder with configuration and tokenizer (or a hub id).

    `load_format` is "dummy" when there are no weights in it and the framework has to draw them at random.
    """

    path: str
    load_format: Literal["auto", "dummy"]
    revision: str | None = None
