"""The plainest comparison of two result files: everything as dictionaries, Welch's t-test of joules per token by case."""

from __future__ import annotations

import json
import sys
from typing import Any

from scipy.stats import ttest_ind


def per_token(result: dict[str, Any]) -> list[float]:
    """Joules of the scope over generated tokens, one value per trial."""
    return [
        sum(trial["reading"]["energy_j"][domain] for domain in result["scope"])
        / sum(request[1] for request in trial["generation"]["requests"])
        for trial in result["trials"]
    ]


def main(old: str, new: str) -> None:
    """Print how many cases differ at 5 %."""
    sides = []
    for name in (old, new):
        with open(name) as file:
            results = json.load(file)["energy"]["results"]
        sides.append({result["fullname"]: per_token(result) for result in results})
    before, after = sides
    differ = sum(
        float(ttest_ind(before[name], values, equal_var=False).pvalue) < 0.05
        for name, values in after.items()
        if name in before
    )
    print(f"{differ} of {len(after)} differ")


if __name__ == "__main__":
    main(*sys.argv[1:])
