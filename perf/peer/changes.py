"""Change points by Apache Otava 0.8.0 (E-divisive means with a t-test, the successor of Hunter) with its own defaults.

Takes series as a JSON list of lists on stdin, prints a JSON list of lists of indices and the seconds that they took.
"""

from __future__ import annotations

import json
import sys
import time

from otava.analysis import compute_change_points


def main() -> None:
    """Read, cut, tell."""
    series = json.load(sys.stdin)
    began = time.monotonic()
    found = [[int(change.index) for change in compute_change_points(values)[0]] for values in series]
    json.dump({"found": found, "seconds": time.monotonic() - began}, sys.stdout)


if __name__ == "__main__":
    main()
