"""What `joules workload` answers, as a few lines of pandas would: lengths, arrivals, cells, inflation. Prints JSON.

A script of its own, so that its time is that of a process that does nothing else: `python perf/peer/workload.py TRACE`.
"""

from __future__ import annotations

import hashlib
import json
import sys

import numpy as np
import pandas as pd

INPUTS = [0, 32, 128, 256, 512, 1024, 2048, 4096, 8192]
OUTPUTS = [0, 8, 16, 32, 64, 128, 256, 512]

path = sys.argv[1]
with open(path, "rb") as file:
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
trace = pd.read_csv(path, parse_dates=["TIMESTAMP"], date_format="ISO8601")
answer: dict[str, object] = {"sha256": sha256, "requests": len(trace)}
for side, column in (("input", "ContextTokens"), ("output", "GeneratedTokens")):
    tokens = trace[column]
    quantiles = tokens.quantile([0.5, 0.9, 0.95, 0.99]).tolist()
    answer[side] = [tokens.mean(), tokens.std(ddof=0), *quantiles, int(tokens.max()), int(tokens.sum())]
gaps_s = trace["TIMESTAMP"].sort_values().diff().dt.total_seconds()
answer["pace"] = [1 / gaps_s.mean(), gaps_s.std(ddof=0) / gaps_s.mean()]
trace["in"] = pd.cut(trace["ContextTokens"], INPUTS, labels=INPUTS[1:])
trace["out"] = pd.cut(trace["GeneratedTokens"], OUTPUTS, labels=OUTPUTS[1:])
kept = trace.dropna(subset=["in", "out"])
cells = kept.groupby(["in", "out"], observed=True).size()
answer["cells"] = {f"{i} {o}": int(n) for (i, o), n in cells.items()}
answer["inflation"] = [
    float(np.sum(kept["in"].astype(np.int64)) / kept["ContextTokens"].sum()),
    float(np.sum(kept["out"].astype(np.int64)) / kept["GeneratedTokens"].sum()),
]
json.dump(answer, sys.stdout)
