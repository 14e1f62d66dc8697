"""Vega, Vega-Lite and vega-embed as one script, from vl-convert, which carries them.

Putting them together takes some three seconds, so the script is kept in the user's own cache folder, by version.
"""

from __future__ import annotations

import contextlib
import os
from functools import cache
from importlib.metadata import version
from pathlib import Path

from energy_fixtures.store import publish

FOLDER = "pytest-joules"


@cache
def vega_bundle() -> str:
    """The script; it sets `window.vegaEmbed`."""
    kept = _cache_folder() / f"vega-of-vl-convert-{version('vl-convert-python')}.js"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if kept.stat().st_uid == os.getuid():  # a script that another user put there is not run
            return kept.read_text(encoding="utf-8")
    import vl_convert

    script = _harmless(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))
    with contextlib.suppress(OSError):  # a page does not fail for want of a cache
        kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        publish(kept, script.encode())
    return script


def _harmless(script: str) -> str:
    """The script so that it may stand in a page: its strings cannot end the element, its lines end in one way only."""
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--").replace("\r\n", "\n").replace("\r", "\n")


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / FOLDER
