"""From what a user typed to the lengths of a workload: a trace on disk, or a generator by name."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.units import shortened
from energy_fixtures.workloads.downloads import DOWNLOADS
from energy_fixtures.workloads.lengths import Lengths
from energy_fixtures.workloads.synthetic import RECIPES, draw

SYNTHETIC = tuple(RECIPES)
USUAL_REQUESTS = 10_000
"""How many requests a generator draws where nobody says how many."""
MOST_DRAWN = 100_000_000


def workload(
    name_or_path: str | Path, requests: int | None = None, seed: int = 0, *, tokenizer: str | None = None
) -> Lengths:
    """The lengths that `name_or_path` stands for.

    Args:
        name_or_path: A trace on disk (its format is recognised by its content), or one of `SYNTHETIC`.
        requests: How many. Of a trace the first ones in order of arrival, None for all; of a generator so many draws,
            None for `USUAL_REQUESTS`.
        seed: Of the draws, >= 0. A trace keeps its own order.
        tokenizer: For traces that hold texts: a folder with a tokenizer.json, or `estimate`.

    Raises:
        ConfigurationError: No such file or name (the nearest are named), a format that is not known, no usable row,
            fewer requests than asked for, or texts without a tokenizer.
    """
    if requests is not None and requests < 1:
        raise ConfigurationError(f"{requests} requests were asked for; ask for at least 1")
    name = str(name_or_path)
    path = Path(os.path.expanduser(name))
    if is_drawn(name):
        return _drawn(name.lower(), requests, seed)
    if not os.path.exists(path):  # also where it cannot be a name
        raise ConfigurationError(_unknown(name))
    from energy_fixtures.workloads.traces import read_trace  # numpy and polars come with it

    lengths = read_trace(path, tokenizer)
    if requests is None:
        return lengths
    if requests > len(lengths):
        raise ConfigurationError(f"{path} has {len(lengths):,} usable requests, {requests:,} were asked for")
    return lengths.first(requests)


def is_drawn(name: str) -> bool:
    """Whether a name stands for a generator, which has no arrivals; a file of that name goes before it."""
    return name.lower() in RECIPES and not os.path.exists(os.path.expanduser(name))


def _drawn(name: str, requests: int | None, seed: int) -> Lengths:
    if seed < 0:
        raise ConfigurationError(f"the seed is {seed}; it needs to be 0 or more")
    if requests is not None and requests > MOST_DRAWN:
        raise ConfigurationError(f"{requests:,} requests were asked for; a generator draws at most {MOST_DRAWN:,}")
    return draw(name, requests or USUAL_REQUESTS, seed)


def _unknown(name: str) -> str:
    if name.lower() in DOWNLOADS:
        return f"{name} is not here yet; joules workload --download {name.lower()} --to FOLDER fetches it"
    near = difflib.get_close_matches(name.lower()[:200], [*SYNTHETIC, *DOWNLOADS], n=3, cutoff=0.4)
    a_file = os.path.basename(name) != name or "." in name
    what = f"there is no file {shortened(name, 200)}" if a_file else f"{name!r} is neither a file nor a known workload"
    return f"{what}; nearest are {', '.join(near)}" if near else f"{what}; known are {', '.join(SYNTHETIC)}"
