from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.records import Decoding, Speculation
from reports.break_even import crossing, sentence, series_of

NGRAM = Speculation(method="ngram", ngram_max=4)


@pytest.fixture
def points(case):
    """Points of one series: autoregressive at 1 J/token, speculative at 1 - saving."""

    def make(savings: dict[int, float]):
        results = []
        for batch, saving in savings.items():
            results.append(case(f"ar-b{batch}", [1.0, 1.0], batch_size=batch))
            results.append(case(f"ng-b{batch}", [1 - saving] * 2, batch_size=batch, speculation=NGRAM, accepted=0.5))
        (series,) = series_of(results, 0.95)
        return series.points

    return make


@pytest.mark.parametrize(
    ("savings", "said"),
    [
        ({1: 0.3, 8: 0.1, 32: -0.1}, "pays up to b8, stops between b8 and b32 (about b16)"),
        ({8: -0.2, 1: 0.2}, "pays up to b1, stops between b1 and b8 (about b3)"),
        ({1: 0.3, 8: 0.1}, "pays at every batch size measured (b1 to b8)"),
        ({1: 0.3}, "pays at every batch size measured (b1)"),
        ({1: -0.3, 8: -0.1}, "never pays here (b1 to b8)"),
        ({1: -0.1, 4: 0.1}, "pays from b4 on, starts between b1 and b4 (about b2)"),
        ({1: 0.1, 2: -0.1, 4: 0.1}, "pays at b1, b4, not at b2: no single batch size where it stops"),
    ],
)
def test_where_it_stops_paying(points, savings, said):
    """The sentence names the last batch size that saves and the crossing, by hand on the logarithm of the batch size."""
    assert sentence(points(savings)) == said


def test_a_saving_that_noise_may_have_made_is_marked(case):
    """Where the interval of the saving holds zero, the sentence says at which batch sizes."""
    results = [
        case("ar", [1.0, 1.2, 0.8]),
        case("ng", [0.9, 1.1, 0.8], speculation=NGRAM),
    ]
    (series,) = series_of(results, 0.95)

    assert sentence(series.points) == "not shown whether it pays: the interval of the saving holds zero at b1"

    sure = [case("ar8", [1.0, 1.0], batch_size=8), case("ng8", [0.5, 0.5], batch_size=8, speculation=NGRAM)]
    (series,) = series_of([*results, *sure], 0.95)
    said = "pays at every batch size measured (b1 to b8); the interval still holds zero at b1"
    assert sentence(series.points) == said


def test_only_equal_work_is_paired(case):
    """A twin differs in speculation alone: other lengths, decoding or domains leave the saving unknown."""
    speculative = case("ng", [0.5, 0.5], speculation=NGRAM)
    for twin in (
        case("ar", [1.0, 1.0], output_tokens=20),
        case("ar", [1.0, 1.0], decoding=Decoding.sample(top_k=5)),
        case("ar", [1.0, 1.0], engine="transformers"),
        case("ar", [1.0, 1.0], scope=("gpu:0", "gpu:1")),
    ):
        (series,) = series_of([twin, speculative], 0.95)
        assert series.points[0].saving is None
        assert sentence(series.points) == "cannot say where it pays: no batch size was measured both ways"


def test_each_way_of_guessing_is_a_series(case):
    """Methods, look-aheads and engines are kept apart; batch sizes are put together in order."""
    draft = Speculation(method="draft", draft_model="tiny-draft")
    results = [
        case("n8", [1.0], batch_size=8, speculation=NGRAM),
        case("n1", [1.0], batch_size=1, speculation=NGRAM),
        case("d1", [1.0], batch_size=1, speculation=draft),
        case("t1", [1.0], batch_size=1, speculation=NGRAM, engine="transformers"),
    ]

    found = [
        (s.scenario.engine, s.speculation.method, [p.batch_size for p in s.points]) for s in series_of(results, 0.95)
    ]
    assert found == [("vllm", "ngram", [1, 8]), ("vllm", "draft", [1]), ("transformers", "ngram", [1])]


@given(
    st.integers(1, 512),
    st.integers(1, 512),
    st.floats(min_value=1e-4, max_value=1),
    st.floats(min_value=-1, max_value=0),
)
def test_a_crossing_lies_between_its_points(low, more, gain, loss):
    """The interpolated batch size is never outside the two that were measured."""
    found = crossing((low, gain), (low + more, loss))

    assert low * (1 - 1e-9) <= found <= (low + more) * (1 + 1e-9)
