"""`tox -e perf [-- GROUP ...]`: print the figures of the groups asked for, of all of them by default.

Groups: collect window load accuracy compare gate ab workload estimate serving history live storage sweep page extension optimum.

Exit status 0 also when a goal is missed, since machines differ; 1 when a figure could not be taken.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence

from perf import (
    ab,
    accuracy,
    collect,
    compare,
    estimate,
    extension,
    gate,
    history,
    live,
    optimum,
    page,
    serving,
    storage,
    sweep,
    window,
    workload,
)
from perf.figure import CommandFailed, Figure

GROUPS: dict[str, Callable[[], Iterator[Figure]]] = {
    "collect": collect.figures,
    "window": window.window_figures,
    "load": window.load_figures,
    "accuracy": accuracy.figures,
    "compare": compare.figures,
    "gate": gate.figures,
    "ab": ab.figures,
    "workload": workload.figures,
    "estimate": estimate.figures,
    "serving": serving.figures,
    "history": history.figures,
    "live": live.figures,
    "storage": storage.figures,
    "sweep": sweep.figures,
    "page": page.figures,
    "optimum": optimum.figures,
    "extension": extension.figures,
}


def main(names: Sequence[str]) -> int:
    """Take the figures of the named groups and print each as soon as it is there."""
    unknown = [name for name in names if name not in GROUPS]
    if unknown:
        print(f"perf: {', '.join(unknown)}: no such group; there are {', '.join(GROUPS)}", file=sys.stderr)
        return 2
    missed, failed = 0, 0
    for name in names or GROUPS:
        try:
            for figure in GROUPS[name]():
                print(figure.line(), flush=True)
                missed += not figure.holds
        except CommandFailed as problem:
            print(f"FAIL  {name}: {problem}", flush=True)
            failed += 1
    print(f"perf: {missed} goals missed, {failed} groups could not be taken")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
