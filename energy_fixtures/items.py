"""What pytest's items are called in results, tables and lines."""

from __future__ import annotations

from collections.abc import Mapping

import pytest


def case_of(item: pytest.Item, part: str | None = None) -> str:
    """The id inside the test, or the test's name; `part` names a window or a further Scenario of it."""
    case = str(item.callspec.id) if hasattr(item, "callspec") else item.name
    return case if part is None else f"{case}::{part}"


def fullname_of(item: pytest.Item, part: str | None = None) -> str:
    """The node id, with the part."""
    return item.nodeid if part is None else f"{item.nodeid}::{part}"


def question_of(item: pytest.Item) -> str:
    """The file's question: `benchmarks/test_speculative.py` asks "speculative"."""
    return item.path.stem.removeprefix("test_")


def plain_params(item: pytest.Item) -> Mapping[str, str | int | float | bool | None]:
    """The test's parameters that are plain values; the Scenario among them is stored as itself."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    return {
        name: value for name, value in params.items() if value is None or isinstance(value, str | int | float | bool)
    }
