"""Coverage-guided fuzzing of one reader of foreign data, with Atheris (libFuzzer).

    tests/hostile/readers.py: one table ─► this reader ◄─ inputs: libFuzzer's own changes of bytes, and tests/hostile/mutations.py's
                                             │              of structure, kept where they reach new branches
             a value │ a refusal │ anything else is a broken promise: kept in build/fuzz/READER, counted, and the run goes on

    python tools/fuzz.py result --seconds 120
    python tools/fuzz.py all --seconds 60

Needs `pip install atheris`. A hang of 30 s or 3 GB of memory ends the run, as libFuzzer does it, with the input kept.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MOST_BYTES = 1 << 16
LIMITS = ("-timeout=30", "-rss_limit_mb=3072", f"-max_len={MOST_BYTES}", "-verbosity=0", "-print_final_stats=0")


def where(problem: BaseException) -> str:
    """The kind of a problem and the last line of ours that it went through: one name for all inputs that share it."""
    frames = traceback.extract_tb(problem.__traceback__)
    ours = [one for one in frames if "/energy_fixtures/" in one.filename or "/reports/" in one.filename]
    last = (ours or frames)[-1]
    return f"{type(problem).__name__} at {Path(last.filename).name}:{last.lineno}"


def fuzz(name: str, seconds: float) -> None:
    """Fuzz one reader in this process, which ends with the run."""
    import atheris

    with atheris.instrument_imports(include=["energy_fixtures", "reports", "tomllib", "csv"]):
        from tests.hostile.readers import READERS, tried
    from tests.hostile.mutations import mutated

    reader = READERS[name]
    kept = ROOT / "build" / "fuzz" / name
    corpus, scratch = kept / "corpus", Path(tempfile.mkdtemp(prefix="joules-fuzz-"))
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(reader.seeds):
        if len(seed) <= MOST_BYTES:
            (corpus / f"seed-{number}").write_bytes(seed)
    counts = {"values": 0, "refusals": 0, "broken": 0}
    broken: dict[str, str] = {}
    began = time.monotonic()

    def finish() -> None:
        print(
            f"fuzz: {name}: {sum(counts.values()):,} executions in {time.monotonic() - began:.0f} s, {counts['values']:,} values, "
            f"{counts['refusals']:,} refusals, {len(list(corpus.iterdir())):,} inputs with coverage of their own, "
            f"{counts['broken']:,} broken promises in {len(broken)} places",
            flush=True,
        )
        os._exit(1 if broken else 0)  # libFuzzer has no end of its own that leaves the counts

    def one(content: bytes) -> None:
        try:
            counts["values" if tried(reader, content, scratch) else "refusals"] += 1
        except Exception as problem:  # whatever it is, it is what is looked for
            counts["broken"] += 1
            key = where(problem)
            if key not in broken:
                broken[key] = str(problem)[:200]
                (kept / f"broken-{len(broken)}").write_bytes(content)
                print(f"fuzz: {name}: {key}: {broken[key]!a}", flush=True)
        if time.monotonic() - began > seconds:
            finish()

    def change(content: bytes, most: int, seed: int) -> bytes:
        draw = random.Random(seed)
        if draw.random() < 0.5:
            return mutated(content, draw, reader.words)[:most]
        changed: bytes = atheris.Mutate(content, most)
        return changed

    atheris.Setup([sys.argv[0], *LIMITS, f"-artifact_prefix={kept}/", str(corpus)], one, custom_mutator=change)
    atheris.Fuzz()


def main() -> int:
    """Fuzz one reader, or all in turn, each in a process of its own; the exit status."""
    parser = argparse.ArgumentParser(description="Coverage-guided fuzzing of the readers of foreign data.")
    parser.add_argument("reader", help="a name of tests/hostile/readers.py, or all")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each reader (default: 60)")
    asked = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    if os.environ.get("JOULES_FUZZ_CHILD"):  # before anything else imports what is to be instrumented
        fuzz(asked.reader, asked.seconds)
    from tests.hostile.readers import READERS

    names = list(READERS) if asked.reader == "all" else [asked.reader]
    if not set(names) <= set(READERS):
        parser.error(f"no reader is called {asked.reader!r}; there are {', '.join(READERS)}")
    child = {**os.environ, "JOULES_FUZZ_CHILD": "1"}
    ends = [
        subprocess.run(
            [sys.executable, __file__, name, "--seconds", str(asked.seconds)], env=child, check=False
        ).returncode
        for name in names
    ]
    return max(abs(end) for end in ends)


if __name__ == "__main__":
    raise SystemExit(main())
