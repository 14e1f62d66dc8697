"""Resolving a Scenario: models named, trust only by name, what cannot run said beforehand."""

from __future__ import annotations

import msgspec
import pytest

from energy_fixtures import Scenario, Speculation
from energy_fixtures.errors import ConfigurationError
from energy_fixtures.options import read_options
from energy_fixtures.records import MOE_SIBLING
from energy_fixtures.scenarios import NotPossible, resolve_scenario

PLAIN = Scenario(engine="transformers", batch_size=1, input_tokens=8, output_tokens=8)
GUESSING = msgspec.structs.replace(PLAIN, speculation=Speculation(method="draft"))


@pytest.fixture
def options(pytestconfig, monkeypatch):
    """Options as the command line gives them, with changes."""

    def make(**changes):
        monkeypatch.setattr("energy_fixtures.scenarios.installed", lambda engine: None)
        given = {**vars(read_options(pytestconfig)), "device": "cpu", **changes}
        return type(read_options(pytestconfig))(**given)

    return make


def test_stored_scenario_names_everything(options):
    """Model, number format and draft are named in what is stored, however little the file said."""
    resolved = resolve_scenario(GUESSING, "tiny", options())

    assert (resolved.scenario.model, resolved.scenario.dtype) == ("tiny", "float32")
    assert resolved.scenario.speculation.draft_model == "tiny-draft"


def test_sibling_is_the_catalogues(options):
    """The mixture of experts of the session's model is what the catalogue names, or the case is not possible."""
    asked = msgspec.structs.replace(PLAIN, model=MOE_SIBLING)

    assert resolve_scenario(asked, "tiny", options()).scenario.model == "tiny-moe"
    with pytest.raises(NotPossible, match="no mixture-of-experts sibling"):
        resolve_scenario(asked, "tiny-moe", options())


@pytest.mark.parametrize(
    ("trusted", "target_trusted", "draft_trusted"),
    [((), False, False), (("a/b",), True, False), (("c/d",), False, True), (("a/b", "c/d"), True, True)],
)
def test_code_is_trusted_by_name_alone(options, trusted, target_trusted, draft_trusted):
    """Naming the target does not trust its draft, nor the other way round; vLLM's one switch needs both."""
    chosen = options(trust_remote_code=frozenset(trusted), draft_model="c/d")
    resolved = resolve_scenario(GUESSING, "a/b", chosen)

    assert resolved.spec.model.trusted is target_trusted
    assert resolved.draft.trusted is draft_trusted
    assert resolved.spec.trust_remote_code is (target_trusted and draft_trusted)


def test_folder_is_trusted_as_it_was_typed(options, tmp_path):
    """A folder given to both options is trusted, although results call it by its last part."""
    (tmp_path / "config.json").write_text("{}")
    chosen = options(trust_remote_code=frozenset({str(tmp_path)}))

    assert resolve_scenario(PLAIN, str(tmp_path), chosen).spec.trust_remote_code


def test_draft_is_not_the_model_itself(options):
    """A model cannot draft for itself."""
    with pytest.raises(ConfigurationError, match="is the model itself"):
        resolve_scenario(GUESSING, "tiny", options(draft_model="tiny"))
