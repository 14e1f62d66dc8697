"""Build the browser extension: `python -m tools.build_extension [FOLDER]` writes dist/joules-extension/ and a zip of it.

    extension/**                          as it stands
    reports.predict's default predictor  ┐
    reports.estimate's node, PUE, grid   ┴► data/product.json: the extension computes with the product's own numbers
    extension/services.json              ─► the hosts in manifest.json
    extension/icon.svg                   ─► icons/*.png

The folder is what Chromium loads unpacked. The same sources give the same bytes.
"""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import vl_convert

from reports.estimate.scenario import Scenario
from reports.predict.predictor import read_predictor, to_json

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "extension"
OUT = ROOT / "dist"
ICONS = (16, 32, 48, 128)
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip can hold


def product() -> Mapping[str, object]:
    """What the extension takes from the product: the predictor, and how boards' joules become those of a site."""
    base = Scenario()
    return {
        "predictor": json.loads(to_json(read_predictor())),
        "gpu_share": base.node.gpu_share,
        "pue": {"p5": base.pue.p5, "p95": base.pue.p95},
        "grid": {
            "name": "World, 2025",
            "gco2e_per_kwh": base.grid.gco2e_per_kwh,
            "source": "Ember, Global Electricity Review 2026",
        },
    }


def manifest(further_hosts: Sequence[str] = ()) -> Mapping[str, object]:
    """The manifest with the hosts of services.json, and of `further_hosts` (patterns) as if the user had allowed them."""
    known: dict[str, Any] = json.loads((SOURCES / "manifest.json").read_text(encoding="utf-8"))
    services = json.loads((SOURCES / "services.json").read_text(encoding="utf-8"))["services"]
    known["content_scripts"][0]["matches"] = [f"https://{host}/*" for one in services for host in one["hosts"]]
    known["icons"] = {str(size): f"icons/{size}.png" for size in ICONS}
    if further_hosts:
        known["permissions"] = [*known["permissions"], "scripting"]
        known["host_permissions"] = list(further_hosts)
    return known


def build(folder: Path, further_hosts: Sequence[str] = ()) -> Path:
    """Write the extension, ready to be loaded unpacked; what stood in its folder before is gone.

    Args:
        further_hosts: Patterns of pages that are allowed from the start. For tests: nobody can press a browser's own dialog.

    Returns:
        The folder that was written.
    """
    out = folder / "joules-extension"
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(SOURCES, out, ignore=shutil.ignore_patterns("icon.svg", ".*"))
    _write_json(out / "manifest.json", manifest(further_hosts))
    _write_json(out / "data" / "product.json", product())
    (out / "icons").mkdir()
    drawing = (SOURCES / "icon.svg").read_text(encoding="utf-8")
    for size in ICONS:
        (out / "icons" / f"{size}.png").write_bytes(vl_convert.svg_to_png(drawing, scale=size / 128))
    shutil.copyfile(ROOT / "LICENSE", out / "LICENSE")
    return out


def packed(folder: Path) -> Path:
    """A zip beside the folder. Stored, not deflated: compressed bytes differ between versions of zlib."""
    target = folder.with_suffix(".zip")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(one for one in folder.rglob("*") if one.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), LONG_AGO)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes())
    return target


def _write_json(file: Path, content: Mapping[str, object]) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main(arguments: Sequence[str]) -> None:
    """Build into the folder that was named, dist by default, and say where."""
    folder = build(Path(arguments[0]) if arguments else OUT)
    print(folder)
    print(packed(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
