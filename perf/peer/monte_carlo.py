"""The released method written plainly in NumPy: five models, so many draws, P25, median and P75 of models and blend."""

from __future__ import annotations

import sys
import time

import numpy as np

from reports.estimate.reading import published_models


def lognormal(rng: np.random.Generator, low: float, high: float, count: int) -> np.ndarray:
    """From P5 and P95."""
    sigma = (np.log(high) - np.log(low)) / (2 * 1.645)
    return rng.lognormal(np.log(low) + 1.645 * sigma, sigma, count)


def main(draws: int) -> None:
    """Print seconds and the blend's median."""
    models = [
        (model.name, [(r.input_tokens, r.output_tokens, r.tokens_per_s) for r in model.rows])
        for model in published_models()
    ]
    began = time.perf_counter()
    rng = np.random.default_rng(42)
    energy = {}
    for name, rows in models:
        table = np.array(rows)
        length = np.round(rng.exponential(300 / np.log(2), draws))
        used, pue = lognormal(rng, 0.4, 0.9, draws), lognormal(rng, 1.05, 1.6, draws)
        speed = np.full(draws, table[:, 2].max())
        if len(table) > 2:
            design = np.column_stack([np.ones(len(table)), np.log(table[:, 0]), np.log(table[:, 1])])
            b = np.linalg.lstsq(design, np.log(table[:, 2]), rcond=None)[0]
            fitted = np.exp(b[0] + b[1] * np.log(500) + b[2] * np.log(np.maximum(length, 1e-6)))
            speed = np.minimum(fitted, table[:, 2].max())
        energy[name] = pue * (12.8 if name == "DeepSeek-R1" else 10.2) * used * length / (3.6 * speed)
    quartiles = {name: np.percentile(wh, [5, 25, 50, 75, 95]) for name, wh in energy.items()}
    parts = []
    for name in sorted(quartiles, key=lambda name: -quartiles[name][2])[:3]:
        wh = energy[name]
        for low, high in ((5, 95), (10, 90)):
            bottom, top = np.percentile(wh, [low, high])
            wh = wh[(wh >= bottom) & (wh <= top)]
        parts.append(wh)
    blend = np.percentile(np.concatenate(parts), [5, 25, 50, 75, 95])
    print(time.perf_counter() - began, blend[2])


if __name__ == "__main__":
    main(int(sys.argv[1]))
