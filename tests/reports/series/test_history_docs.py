"""docs/history.md says what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest


def test_the_page_names_every_option_and_no_other(request: pytest.FixtureRequest) -> None:
    """The options of the command, all of them."""
    from reports.series import cli

    page = (Path(request.config.rootpath) / "docs" / "history.md").read_text()
    known = {f"--{name}" for name in cli.history.__annotations__ if name not in ("metric", "form", "return")} | {
        "--format"
    }
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page)) | {"--output"} == known
    assert "-o FILE" in page
