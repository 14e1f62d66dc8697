"""What one command builds, and what the extension may do."""

from __future__ import annotations

import json
import re
import zipfile

import pytest

from reports.estimate.scenario import Scenario
from reports.predict.predictor import read_predictor, to_json
from tests.extension.conftest import PAGES
from tools.build_extension import SOURCES, build, packed

SCRIPTS = sorted(SOURCES.rglob("*.js"))


def read(name):
    """A data file of the sources."""
    return json.loads((SOURCES / name).read_text(encoding="utf-8"))


def test_the_same_sources_give_the_same_zip(built, tmp_path):
    """Two builds are equal to the byte, and the zip holds the folder."""
    first, second = packed(built), packed(build(tmp_path))

    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        names = archive.namelist()
    assert names == sorted(one.relative_to(built).as_posix() for one in built.rglob("*") if one.is_file())
    assert "manifest.json" in names and "data/product.json" in names


def test_it_asks_for_storage_and_the_listed_pages_alone(built):
    """Storage is the only permission; scripts run on the hosts of services.json; more pages are the user's to allow."""
    manifest = json.loads((built / "manifest.json").read_text())
    (scripts,) = manifest["content_scripts"]

    assert manifest["manifest_version"] == 3
    assert manifest["permissions"] == ["storage"]
    assert "host_permissions" not in manifest and "externally_connectable" not in manifest
    assert "web_accessible_resources" not in manifest
    assert scripts["matches"] == [
        f"https://{host}/*" for one in read("services.json")["services"] for host in one["hosts"]
    ]
    assert all((built / name).exists() for name in [*scripts["js"], *manifest["icons"].values()])


def test_it_cannot_reach_a_network(built):
    """No script can call one, and the policy of its pages refuses everything that is not its own."""
    policy = json.loads((built / "manifest.json").read_text())["content_security_policy"]["extension_pages"]
    calls = re.compile(r"\b(fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts|WebTransport)\b")

    assert [file.name for file in SCRIPTS if calls.search(file.read_text())] == []
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "http" not in policy


def test_text_is_never_made_markup():
    """No script writes HTML or evaluates text."""
    markup = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|DOMParser"
    )

    assert [file.name for file in SCRIPTS if markup.search(file.read_text())] == []


def test_it_computes_with_the_products_own_numbers(built):
    """Predictor, share of the boards, PUE and grid are those of joules predict and joules estimate."""
    product = json.loads((built / "data" / "product.json").read_text())
    base = Scenario()

    assert product["predictor"] == json.loads(to_json(read_predictor()))
    assert product["gpu_share"] == base.node.gpu_share
    assert (product["pue"]["p5"], product["pue"]["p95"]) == (base.pue.p5, base.pue.p95)
    assert product["grid"]["gco2e_per_kwh"] == base.grid.gco2e_per_kwh


@pytest.mark.parametrize("service", read("services.json")["services"], ids=lambda one: one["key"])
def test_a_service_is_complete(service):
    """Each service has its selectors, a known assumption, an expression for its chats, and a page that behaves like it."""
    assert set(service) == {"key", "name", "hosts", "user", "answer", "id", "chat", "ignore", "assumption"}
    assert service["assumption"] in {one["key"] for one in read("assumptions.json")["models"]}
    assert (PAGES / f"{service['key']}.html").exists()
    re.compile(service["chat"])


def test_every_assumption_has_a_source():
    """Models, serving, grids and comparisons name where they come from, and a guess says that it is one."""
    known = read("assumptions.json")
    entries = [*known["models"], known["serving"], *known["grids"], *known["comparisons"]]

    assert all(len(one["source"]) > 5 for one in entries)
    assert all("guess" in one["source"].casefold() for one in [*known["models"], known["serving"]])
