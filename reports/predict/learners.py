"""The learners that paper 1 compares, by scikit-learn, on its thirty features.

All learn the logarithm of the energy, so that one large model does not outweigh the rest; sizes enter as logarithms too,
which trees do not notice. The paper's "XGB Linear" is caret's `xgbLinear`, which is boosted trees after all (see
docs/predicting.md); scikit-learn's gradient boosting stands in for both, and the names say so.
Settings are fixed, not searched for as the paper did: with one row per model a search would have nothing to be held against.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from reports.predict.features import table_v
from reports.predict.observations import Observation
from reports.predict.validation import Method, Predict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SEED = 1
TREES = 100
MOST_LOG = 50.0
"""A prediction's logarithm is kept within this: with more features than rows a line leaves every range."""


def _linear() -> Any:
    from sklearn.linear_model import LinearRegression  # type: ignore[import-untyped]

    return _scaled(LinearRegression())


def _elastic_net() -> Any:
    from sklearn.linear_model import ElasticNet

    return _scaled(ElasticNet(alpha=0.05, l1_ratio=0.5, max_iter=10_000))


def _svm() -> Any:
    from sklearn.svm import SVR  # type: ignore[import-untyped]

    return _scaled(SVR(kernel="linear", C=1.0, epsilon=0.05))


def _forest() -> Any:
    from sklearn.ensemble import RandomForestRegressor  # type: ignore[import-untyped]

    return RandomForestRegressor(n_estimators=TREES, random_state=SEED)


def _boosted() -> Any:
    from sklearn.ensemble import GradientBoostingRegressor

    return GradientBoostingRegressor(n_estimators=TREES, max_depth=3, random_state=SEED)


def _boosted_regular() -> Any:
    from sklearn.ensemble import GradientBoostingRegressor

    return GradientBoostingRegressor(
        n_estimators=TREES, max_depth=6, subsample=0.7, max_features=0.5, min_samples_leaf=2, random_state=SEED
    )


def _scaled(model: Any) -> Any:
    from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
    from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]

    return make_pipeline(StandardScaler(), model)


LEARNERS: dict[str, Callable[[], Any]] = {
    "linear": _linear,
    "boosted trees, regularised (for XGB Linear)": _boosted_regular,
    "boosted trees (for XGB)": _boosted,
    "random forest": _forest,
    "SVM linear": _svm,
    "elastic net (for Glmnet)": _elastic_net,
}
"""By the name that tables print, in the paper's order."""


def matrix(observations: Sequence[Observation]) -> NDArray[np.float64]:
    """Features of every row, shape (rows, 30); sizes as log(1 + size), what is free after load with its sign."""
    import numpy as np

    rows = [[math.copysign(math.log1p(abs(value)), value) for value in table_v(one).values()] for one in observations]
    return np.array(rows, dtype=np.float64)


def learner(name: str) -> Method:
    """A learner as a method of the splits."""

    def learn(observations: Sequence[Observation]) -> Predict:
        model = fitted(name, observations)
        return lambda one: math.exp(min(max(float(model.predict(matrix([one]))[0]), -MOST_LOG), MOST_LOG))

    return learn


def fitted(name: str, observations: Sequence[Observation]) -> Any:
    """The learner, fitted on the logarithm of the joules."""
    model = LEARNERS[name]()
    model.fit(matrix(observations), [math.log(one.joules) for one in observations])
    return model
