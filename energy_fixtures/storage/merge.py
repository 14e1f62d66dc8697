"""The case groups of one run as one result file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from energy_fixtures.errors import ResultFileError


class _Energy(msgspec.Struct, omit_defaults=True):
    schema_version: int
    environments: dict[str, msgspec.Raw]
    results: list[msgspec.Raw]
    unfinished: Any = None


class _Document(msgspec.Struct):
    machine_info: msgspec.Raw
    commit_info: msgspec.Raw
    benchmarks: list[msgspec.Raw]
    datetime: msgspec.Raw
    version: msgspec.Raw
    energy: _Energy


def merged(contents: Sequence[bytes], name: str, *, whole: bool) -> bytes:
    """One document of several that one session wrote; its results are not read, only moved.

    Args:
        contents: In order, at least one.
        name: What to call it in a sentence.
        whole: Whether these are all; otherwise the document says that the run was cut off.

    Raises:
        ResultFileError: One is no result file.
    """
    if len(contents) == 1 and whole:
        return contents[0]
    try:
        documents = [msgspec.json.decode(content, type=_Document) for content in contents]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ResultFileError(f"{name} is not a whole result file ({error})") from error
    first, *others = documents
    for other in others:
        first.benchmarks += other.benchmarks
        first.energy.environments.update(other.energy.environments)
        first.energy.results += other.energy.results
    if not whole and first.energy.unfinished is None:
        first.energy.unfinished = next((one.energy.unfinished for one in others if one.energy.unfinished), {})
    return msgspec.json.format(msgspec.json.encode(first), indent=1)
