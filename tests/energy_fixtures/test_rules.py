"""Every field of the fingerprint has a rule: fields are collected from the code that makes them."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from energy_fixtures.boards import READERS as BOARD_READERS
from energy_fixtures.machine import READERS as HOST_READERS
from energy_fixtures.rules import PACKAGES, RULES, UNLISTED, rule_of
from tests.simulated_board.board import run_on_board

ROOT = Path(__file__).parents[2] / "energy_fixtures"

REAL = """
import json, os
from energy_fixtures.boards import read_boards
from energy_fixtures.environment import build_environment
from energy_fixtures.meters.select import choose_meter
fields = set()
for choice in ("zeus", "modelled", "simulated"):
    meter = choose_meter(choice, domains=None, cpu_watts=None)
    here = build_environment(read_boards(), meter.info, {})
    meter.close()
    sides = [("host", here.host), ("meter", here.meter), ("package", here.packages)]
    sides += [("board", board) for board in here.boards]
    fields |= {f"{side}.{name}" for side, facts in sides for name in facts}
print(json.dumps(sorted(fields)))
"""


def keys_in(nodes: Iterator[ast.AST]) -> set[str]:
    """Constant keys of dictionaries, of assignments by key and of pairs, anywhere below these nodes."""
    found: set[object] = set()
    for node in (inner for outer in nodes for inner in ast.walk(outer)):
        if isinstance(node, ast.Dict):
            found |= {key.value for key in node.keys if isinstance(key, ast.Constant)}
        elif (
            isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and isinstance(node.slice, ast.Constant)
        ):
            found.add(node.slice.value)
        elif isinstance(node, ast.Tuple) and len(node.elts) == 2 and isinstance(node.elts[0], ast.Constant):
            found.add(node.elts[0].value)
    return {key for key in found if isinstance(key, str)}


def nodes(folder: str) -> Iterator[ast.AST]:
    """Everything in the modules of a folder."""
    for file in sorted((ROOT / folder).glob("*.py")):
        yield from ast.walk(ast.parse(file.read_text()))


def engine_fields() -> set[str]:
    """What the engines say of themselves in their `_describe`."""
    described = (node for node in nodes("engines") if isinstance(node, ast.FunctionDef) and node.name == "_describe")
    return {f"engine.{key}" for key in keys_in(described)}


def meter_fields() -> set[str]:
    """What the meters give as `details`, beside what `build_environment` says of each."""
    given = (
        word.value
        for node in nodes("meters")
        if isinstance(node, ast.Call)
        for word in node.keywords
        if word.arg == "details"
    )
    return {f"meter.{key}" for key in keys_in(given)} | {"meter.name", "meter.method", "meter.domains"}


def all_fields() -> set[str]:
    """Every field that boards, host, packages, engines and meters can tell, from their sources."""
    listed = {
        *(f"host.{name}" for name in HOST_READERS),
        *(f"board.{name}" for name in BOARD_READERS),
        *(f"package.{name}" for name in PACKAGES),
    }
    return listed | engine_fields() | meter_fields()


def test_the_collection_sees_engines_and_meters():
    """The fields are really found in the sources, so that the tests below cannot pass on nothing."""
    assert {"engine.dtype", "engine.cuda_version", "engine.runner", "engine.kv_cache_tokens"} <= engine_fields()
    assert {"meter.idle_w_per_core", "meter.trace", "meter.recording"} <= meter_fields()


def test_every_field_has_a_rule():
    """A field that is added anywhere needs a decision: must it match, may it differ, is it no matter."""
    assert sorted(all_fields() - set(RULES)) == []


def test_every_rule_has_a_field():
    """A rule for a field that nobody tells is a field that was renamed without its rule."""
    assert sorted(set(RULES) - all_fields()) == []


def test_fields_of_a_real_environment_have_rules():
    """What real pynvml, real Zeus and this host tell on the simulated board has a rule each."""
    fields = json.loads(run_on_board(REAL))

    assert {"board.uuid", "host.cpu", "meter.method", "package.zeus"} <= set(fields)
    assert [field for field in fields if field not in RULES] == []


@pytest.mark.parametrize("field", sorted(RULES))
def test_every_rule_says_why(field: str):
    """Each rule carries its reason in a few words."""
    assert len(RULES[field].why.split()) >= 3


def test_a_field_of_a_newer_version_may_differ():
    """What a newer package wrote and this one does not know is said and refuses nothing."""
    assert rule_of("board.of_the_future") is UNLISTED
    assert UNLISTED.says == "may differ"
