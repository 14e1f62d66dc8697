"""How long the requests of a workload are and when they come: arrays, with where they are from.

Nothing else of a trace is kept: prompts are made to measure (`prompts.py`), outputs are forced to their length.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from energy_fixtures.record import need

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Tokens = NDArray[np.int32] | NDArray[np.int64]
    Seconds = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where lengths come from, and what was left out on the way.

    Attributes:
        name: As a person names it: the file's name, or the name of a generator.
        kind: The format that was recognised (`azure`, `burstgpt`, `vllm-custom`, `sharegpt`, `counted`), or `synthetic`.
        synthetic: Drawn by a generator, not recorded from requests. Every output says so.
        rows_read: Rows of the file, or requests drawn; before anything was left out.
        left_out: Reason to number of rows that are not among the lengths.
        sha256: Of the file as it lies on disk, hex digits; None where there is no file.
        unpacked_sha256: Of what is in a packed file, to compare with a published one; None where it is not packed.
        doubts: Sentences that weaken the lengths or the arrivals without making them useless.
    """

    name: str
    kind: str
    synthetic: bool
    rows_read: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    sha256: str | None = None
    unpacked_sha256: str | None = None
    doubts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "left_out", MappingProxyType(dict(self.left_out)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Lengths:
    """Requests in order of arrival.

    Attributes:
        input_tokens: Tokens of each prompt, shape (n,) with n >= 1, int32 or int64, >= 1.
        output_tokens: Tokens to generate, shape (n,), int32 or int64, >= 1.
        arrival_s: Seconds after the first request, shape (n,), float64, from 0, never falling; None where unknown.
        provenance: Where they come from.

    Sum the tokens with `dtype=numpy.int64`: a long trace of long requests does not fit into 32 bits.
    """

    input_tokens: Tokens
    output_tokens: Tokens
    arrival_s: Seconds | None
    provenance: Provenance

    def __post_init__(self) -> None:
        shape = self.input_tokens.shape
        need(len(shape) == 1 and shape[0] >= 1, "there is at least one request", shape)
        need(self.output_tokens.shape == shape, f"output_tokens has the shape {shape}", self.output_tokens.shape)
        for name, tokens in (("input_tokens", self.input_tokens), ("output_tokens", self.output_tokens)):
            need(str(tokens.dtype) in ("int32", "int64"), f"{name} is int32 or int64", str(tokens.dtype))
            need(bool(tokens.min() >= 1), f"{name} >= 1", int(tokens.min()))
        if self.arrival_s is not None:
            need(self.arrival_s.shape == shape, f"arrival_s has the shape {shape}", self.arrival_s.shape)
            need(bool(self.arrival_s[0] == 0), "arrival_s begins at 0", float(self.arrival_s[0]))
            need(
                bool((self.arrival_s[1:] >= self.arrival_s[:-1]).all()),
                "arrival_s never falls",
                "a fall or not a number",
            )
        for array in (self.input_tokens, self.output_tokens, self.arrival_s):
            if array is not None:
                array.flags.writeable = False

    def __len__(self) -> int:
        """Number of requests."""
        return int(self.input_tokens.shape[0])

    @property
    def synthetic(self) -> bool:
        """Whether they were drawn, not recorded."""
        return self.provenance.synthetic

    @property
    def label(self) -> str:
        """The name, with the word that keeps a synthetic workload from being taken for a trace."""
        return f"{self.provenance.name} (synthetic)" if self.synthetic else self.provenance.name

    def first(self, requests: int) -> Lengths:
        """The first so many requests, a stretch without gaps, so that their arrivals keep their pattern.

        Raises:
            ValueError: There are fewer, or `requests` < 1.
        """
        need(1 <= requests <= len(self), f"requests is 1 to {len(self)}", requests)
        arrivals: Any = None if self.arrival_s is None else self.arrival_s[:requests]
        if requests == len(self):
            return self
        part = f"the first {requests:,} of {len(self):,} requests"
        return replace(
            self,
            input_tokens=self.input_tokens[:requests],
            output_tokens=self.output_tokens[:requests],
            arrival_s=arrivals,
            provenance=replace(self.provenance, doubts=(*self.provenance.doubts, part)),
        )
