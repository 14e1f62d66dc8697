"""The files that one session writes: none over another one, and none over what the session reads."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

from energy_fixtures.errors import ConfigurationError


def refuse_clashes(outputs: Mapping[str, Path | None], inputs: Mapping[str, Path | None]) -> None:
    """Find out before anything is measured that a file would be lost.

    Args:
        outputs: Files to write, by the option that names each; None for one that was not asked for.
        inputs: Files that are read.

    Raises:
        ConfigurationError: Two of them are one file, also by another name of it.
    """
    writes = [(option, path) for option, path in outputs.items() if path is not None]
    for (option, path), (other, also) in itertools.combinations(writes, 2):
        if _same(path, also):
            raise ConfigurationError(f"{option}={path} and {other}={also} are one file; name two")
    for option, path in writes:
        for source, read in inputs.items():
            if read is not None and _same(path, read):
                raise ConfigurationError(f"{option}={path} would overwrite what {source} reads; name another file")


def _same(one: Path, other: Path) -> bool:
    if one.resolve() == other.resolve():
        return True
    return one.exists() and other.exists() and one.samefile(other)
