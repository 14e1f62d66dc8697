"""Fit the extension's token counts and say how far off they are: `python tools/fit_tokens.py > extension/data/tokens.json`.

    texts of this machine ─► pieces of about 2,000 characters ─► counts (extension/content/tokens.js, in node)
                                                              └► tokens of four real tokenizers
    weights: least squares of the relative error, none below 0, on every other piece; errors: on the rest
    half widths: 90 % quantile on the rest, and no less than the largest error on prose

Tokenizers: o200k_base and cl100k_base (npm's gpt-tokenizer, fetched by npm), Tekken and SentencePiece v3 (mistral-common,
which vLLM brings). Texts: message catalogues in /usr/share/locale, prose of tests/extension/prose.json, pages and code of this checkout and of Python.
The table of errors goes to stderr. Needs node, npm and mistral-common; the extension itself needs none of them.
"""

from __future__ import annotations

import gettext
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

ROOT = Path(__file__).resolve().parents[1]
COUNTER = ROOT / "extension" / "content" / "tokens.js"
PROSE = ROOT / "tests" / "extension" / "prose.json"
LOCALES = Path("/usr/share/locale")
LANGUAGES = (
    *("de", "fr", "es", "it", "pt_BR", "nl", "sv", "pl", "cs", "tr", "vi", "fi", "hu", "id"),
    *("ru", "uk", "bg", "el", "zh_CN", "zh_TW", "ja", "ko", "ar", "fa", "he", "hi", "th"),
)
OFTEN, OFTEN_FACTOR = ("English", "Python", "JavaScript", "prose"), 3.0  # what most chats hold; a square of it counts
PIECE, MOST_PIECES = 2_000, 30
PACKAGE = "gpt-tokenizer@4.0.0"
FITTED_TO = ("o200k_base", "tekken")
"""Vocabularies of 200,000 and 131,000: the sizes that services of today use. The others only widen the error."""

SCRIPT = """
const fs = require("fs"), vm = require("vm");
vm.runInThisContext(fs.readFileSync(process.argv[2], "utf8") + ";globalThis.T = { counts, COUNTS, SCRIPTS, PLACE };");
const encodings = Object.fromEntries(["o200k_base", "cl100k_base"].map((name) =>
  [name, require(`${process.argv[3]}/package/cjs/encoding/${name}.js`)]));
const pieces = JSON.parse(fs.readFileSync(0, "utf8"));
console.log(JSON.stringify({ names: T.COUNTS, scripts: T.SCRIPTS, counts: pieces.map((one) => Array.from(T.counts(one))),
  tokens: Object.fromEntries(Object.entries(encodings).map(([name, one]) =>
    [name, pieces.map((piece) => one.encode(piece, { allowedSpecial: "all" }).length)])) }));
"""


def texts() -> Iterator[tuple[str, str]]:
    """Kind and piece of every text."""
    for language in LANGUAGES:
        messages: list[str] = []
        for file in sorted((LOCALES / language / "LC_MESSAGES").glob("*.mo")):
            try:
                with file.open("rb") as opened:
                    known = gettext.GNUTranslations(opened)._catalog  # type: ignore[attr-defined]
            except (OSError, UnicodeDecodeError):
                continue
            messages += [said for key, said in known.items() if key and len(said) > 40]
        yield from pieces(language, " ".join(message.replace("\n", " ") for message in messages))
    written = json.loads(PROSE.read_text(encoding="utf-8"))
    yield from ((f"prose: {language}", text) for language, text in written["fitted"].items())
    yield from ((f"prose held: {language}", text) for language, text in written["held"].items())
    prose = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    yield from pieces("English, pages", "\n\n".join(file.read_text(encoding="utf-8") for file in prose))
    yield from pieces("English, prose", " ".join(" ".join(topics.values()).split()))
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    yield from pieces("English, licence", " ".join(licence.split()))
    python = [*sorted((ROOT / "reports").glob("*.py"))[:12], *sorted(Path(json.__file__).parent.glob("*.py"))]
    yield from pieces("Python", "\n".join(file.read_text(encoding="utf-8") for file in python))
    yield from pieces("JavaScript", (ROOT / "reports" / "page" / "page.js").read_text(encoding="utf-8"))


def pieces(kind: str, text: str) -> Iterator[tuple[str, str]]:
    """Evenly spread pieces of a long text."""
    places = range(0, max(len(text) - PIECE, 0), PIECE)
    step = max(1, len(places) // MOST_PIECES)
    return ((kind, text[place : place + PIECE]) for place in places[::step])


def tekken_and_sentencepiece(found: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Tokens of every piece by Mistral's two kinds of tokenizer."""
    import mistral_common
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer
    from sentencepiece import SentencePieceProcessor

    folder = Path(mistral_common.__file__).parent / "data"
    tekken = Tekkenizer.from_file(str(folder / "tekken_240911.json"))
    pieces_of = SentencePieceProcessor(model_file=str(folder / "mistral_instruct_tokenizer_240323.model.v3"))
    return {
        "tekken": np.array([float(len(tekken.encode(one, bos=False, eos=False))) for one in found]),
        "sentencepiece v3": np.array([float(len(pieces_of.encode(one))) for one in found]),
    }


def main() -> None:
    """Fit, print the file and the errors."""
    kinds, found = zip(*texts(), strict=True)
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=place, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["tar", "xzf", *map(str, Path(place).glob("*.tgz"))], cwd=place, check=True)
        script = Path(place) / "count.js"
        script.write_text(SCRIPT, encoding="utf-8")
        said = subprocess.run(
            ["node", str(script), str(COUNTER), place],
            input=json.dumps(found),
            capture_output=True,
            text=True,
            check=True,
        )
    counted = json.loads(said.stdout)
    names, scripts = counted["names"], counted["scripts"]
    counts = np.array(counted["counts"])
    tokens = {name: np.array(values, dtype=float) for name, values in counted["tokens"].items()}
    tokens |= tekken_and_sentencepiece(found)
    target = np.exp(np.mean([np.log(tokens[name]) for name in FITTED_TO], axis=0))
    own = np.array([kind.startswith("prose") for kind in kinds])
    fitted = np.where(own, [kind.startswith("prose:") for kind in kinds], np.arange(len(found)) % 2 == 0)
    held = ~fitted
    importance = np.where([kind.split(",")[0].split(":")[0] in OFTEN for kind in kinds], OFTEN_FACTOR, 1.0)[fitted]
    weights, _ = nnls(importance[:, None] * counts[fitted] / target[fitted, None], importance)

    ratios = {name: np.log(counts @ weights / values) for name, values in tokens.items()}
    shares = {
        script: counts[:, [names.index(one) for one in members]] @ weights[[names.index(one) for one in members]]
        for script, members in scripts.items()
    }
    largest = np.array(list(shares.values())).argmax(axis=0)
    modern = np.concatenate([np.abs(ratios[name]) for name in FITTED_TO])
    halves = {}
    for place_, script in enumerate(scripts):
        mine = np.tile((largest == place_) & held & ~own, len(FITTED_TO))
        prose = np.tile((largest == place_) & fitted & own, len(FITTED_TO))
        found_half = np.quantile(modern[mine], 0.9) if mine.sum() >= 9 else 0.5
        halves[script] = round(float(max(found_half, *modern[prose], 0.0)), 3)
    print_errors(kinds, ratios, held)
    rounded = {name: round(float(weight), 4) for name, weight in zip(names, weights, strict=True)}
    rounded["other"] = 1.0  # signs and emoji: too few here to fit; a vocabulary spends one to three tokens on each
    print(json.dumps({"weights": rounded, "half_widths": halves}, indent=2))


def print_errors(kinds: Sequence[str], ratios: dict[str, NDArray[np.float64]], held: NDArray[np.bool_]) -> None:
    """By kind of text: bias and 90 % quantile of the error against each tokenizer, percent, on pieces not fitted."""
    places = defaultdict(list)
    for place, kind in enumerate(kinds):
        if held[place]:
            places[kind].append(place)
    print("| text | pieces |", *(f" {name} |" for name in ratios), sep="", file=sys.stderr)
    for kind, mine in places.items():
        told = [
            f"{100 * np.mean(ratio[mine]):+.0f}, {100 * np.quantile(np.abs(ratio[mine]), 0.9):.0f}"
            for ratio in ratios.values()
        ]
        print(f"| {kind} | {len(mine)} | {' | '.join(told)} |", file=sys.stderr)


if __name__ == "__main__":
    main()
