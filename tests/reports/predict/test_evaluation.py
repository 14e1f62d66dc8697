from __future__ import annotations

import json

import msgspec
import pytest

from energy_fixtures.errors import ConfigurationError
from reports.predict import evaluation, learners, plots
from reports.predict.evaluation import OURS, evaluated, per_board, sum_over_prompts
from reports.predict.evaluation_page import evaluation_page
from reports.predict.validation import Held
from reports.render.text import to_lines

MODELS = ("OPT-125M", "OPT-1.3B", "Phi-2", "Gemma-2B", "Llama-2-7b")


@pytest.fixture
def few_learners(monkeypatch):
    """One learner, and a small one: scikit-learn takes its time."""
    monkeypatch.setattr(learners, "TREES", 5)
    few = {"random forest": learners.LEARNERS["random forest"]}
    monkeypatch.setattr(learners, "LEARNERS", few)
    monkeypatch.setattr(evaluation, "LEARNERS", few)
    monkeypatch.setattr(evaluation, "REPEATS", 2)


@pytest.fixture
def rows(row, constants):
    """Five models on one of two boards each, every other row 10 % dearer than the physics says."""
    return [
        row(model, "A100-40" if place % 2 else "L4", constants, factor=1.1 if place % 2 else 1.0)
        for place, model in enumerate(MODELS)
    ]


def test_both_splits_and_cross_validation(few_learners, rows):
    """Ours and the learner are told for models and boards left out and for folds, with the rows behind the plots."""
    found = evaluated(rows)
    told = {(one.split, one.method) for one in found.left_out}
    assert {split for split, _ in told} == {"model", "gpu"}
    assert {method for _, method in told} == {OURS, "ours: physics + ridge", "random forest"}
    assert [one.method for one in found.repeated] == [OURS, "random forest"]
    ours = next(one for one in found.left_out if one.method == OURS and one.split == "model")
    forest = next(one for one in found.left_out if one.method == "random forest" and one.split == "model")
    assert ours.mape < 15 < forest.mape
    assert sorted(one.model for one in found.unseen) == sorted(MODELS)
    assert json.loads(msgspec.json.encode(found))["level"] == 0.9


def test_each_board_left_out_has_its_error_and_bias(row, constants):
    """Two rows 20 % too high and 10 % too low: 15 % off, and the geometric mean of 1.2 and 0.9 as bias."""
    one, other = row("OPT-125M", "L4", constants), row("Phi-2", "A100-40", constants)
    held = [
        Held(observation=one, joules=1.2 * one.joules),
        Held(observation=one, joules=0.9 * one.joules),
        Held(observation=other, joules=other.joules),
    ]
    first, second = per_board(held, ["single"])
    assert (first.gpu, first.rows, first.mape) == ("NVIDIA A100 40GB SXM", 1, pytest.approx(0))
    assert (second.gpu, second.rows, second.mape) == ("NVIDIA L4", 2, pytest.approx(15))
    assert second.bias == pytest.approx(100 * (1.08**0.5 - 1))


def test_what_cannot_be_done_is_said(few_learners, rows):
    """One row per model and one length: the page names what paper 1 did that these rows do not allow."""
    page = "\n".join(to_lines(evaluation_page(evaluated(rows)), width=200, colour=False))
    assert "every row has 300 tokens in and 300 out" in page
    assert "no model has more than 1 here" in page
    assert "one kind of GPU left out after another" in page
    assert "MAPE % (sd)" in page
    assert "ours, by the kind of GPU that was left out" in page
    assert "bias %" in page


def test_too_few_rows(rows):
    """Four rows are refused: nothing can be left out of them."""
    with pytest.raises(ConfigurationError, match="4 rows are too few"):
        evaluated(rows[:4])


def test_a_batch_of_unequal_prompts_is_summed(row, constants):
    """Each prompt as if the whole batch were like it: 1 + 2 + 3 joules of a batch of three."""
    seen = []

    def predict(work):
        seen.append((work.batch, work.input_tokens, work.output_tokens, work.boards))
        return float(len(seen))

    one = row("OPT-125M", "L4", constants, boards=2)
    assert sum_over_prompts(one, [(10, 20), (30, 40), (50, 60)], predict) == 6.0
    assert seen == [(3, 10, 20, 2), (3, 30, 40, 2), (3, 50, 60, 2)]


def test_folds_use_every_row_once():
    """The test folds of one repeat are disjoint and hold all rows; another repeat shuffles anew."""
    folds = evaluation._folds(13, 2)
    assert len(folds) == 10
    for repeat in (folds[:5], folds[5:]):
        assert sorted(place for fold in repeat for place in fold) == list(range(13))
    assert folds[:5] != folds[5:]


def test_pictures(few_learners, rows, tmp_path):
    """Five pictures are written as PNG and SVG, each whole."""
    files = plots.draw(evaluated(rows), rows, tmp_path / "new", lambda step: None)
    assert len(files) == 10
    for path in files:
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG") if path.suffix == ".png" else content.startswith(b"<svg")


def test_a_folder_that_cannot_be_made(tmp_path, rows):
    """A file in the way is refused before anything is drawn."""
    nothing = evaluation.Evaluation(says="", level=0.9, left_out=(), per_board=(), repeated=(), unseen=(), cannot=())
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="--plot"):
        plots.draw(nothing, rows, tmp_path / "file", lambda step: None)
