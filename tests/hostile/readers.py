"""Every reader of what comes from others, in one table: for the property tests here and for tools/fuzz.py.

The promise, for any bytes: a reader gives a value, or refuses with an error of ours whose words are one harmless sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import msgspec

from energy_fixtures.engines.base import ServerSpec
from energy_fixtures.engines.channel import reply_unframer
from energy_fixtures.errors import JoulesError
from energy_fixtures.meters.cpu_power import core_power
from energy_fixtures.meters.domains import parse_domains
from energy_fixtures.meters.replay import ReplayMeter
from energy_fixtures.meters.simulated import parse_simulated
from energy_fixtures.models.catalogue import architecture_of, config_of, resolve, weight_bytes
from energy_fixtures.option_table import VALUES
from energy_fixtures.serving import local
from energy_fixtures.serving.client import Address
from energy_fixtures.serving.events import Events, ServerError, StreamError
from energy_fixtures.serving.http_stream import Answer, ProtocolError
from energy_fixtures.serving.prometheus import counters
from energy_fixtures.serving.running import vocabulary_of
from energy_fixtures.store import Store, read_run
from energy_fixtures.workloads.bins import chosen
from energy_fixtures.workloads.prompts import special_ids
from energy_fixtures.workloads.traces import read_trace
from reports import boards
from reports.compare.run_files import RunFile
from reports.estimate.histogram import read_histogram
from reports.estimate.reading import read_scenario
from reports.explain.prices import parse_prices
from reports.gate import parse_limit
from reports.past import code_of
from reports.predict.models import find_model
from reports.predict.predictor import Predictor, read_predictor, sealed, to_json
from reports.predict.stored import stored_dtype
from reports.predict.training import read_observations
from reports.sweep.journal import journal_of, lines_of
from reports.sweep.plan import read_plan
from tests.hostile import seeds

HOSTILE_NAME = "evil\x1b[31m[red]\u202e.json"
"""How files are called that come from others."""


@dataclass(frozen=True, kw_only=True)
class Reader:
    """One reader.

    Attributes:
        read: Takes the bytes and an empty folder to put them into.
        seeds: Whole files that it takes, or texts.
        refusals: How it says no: errors of ours, or of a pure parser whose caller words them.
        words: Pieces of its format, for the fuzzer.
    """

    read: Callable[[bytes, Path], object]
    seeds: Sequence[bytes]
    refusals: tuple[type[Exception], ...] = (JoulesError,)
    words: tuple[bytes, ...] = ()


class PromiseBroken(AssertionError):
    """A reader refused in words that are not one harmless sentence."""


def tried(reader: Reader, content: bytes, folder: Path) -> bool:
    """Whether the reader took the content.

    Raises:
        PromiseBroken: It refused, but not in a harmless sentence.
        Exception: Whatever else the reader raises: the promise is broken.
    """
    try:
        reader.read(content, folder)
    except reader.refusals as refusal:
        said = str(refusal)
        if not said.isprintable():
            raise PromiseBroken(f"{type(refusal).__name__} with unprintable words {said[:300]!r}") from refusal
        if not 0 < len(said) <= 8_000:
            raise PromiseBroken(f"{type(refusal).__name__} with {len(said)} characters") from refusal
        return False
    return True


def _file(content: bytes, folder: Path, name: str = HOSTILE_NAME) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def _run_file(content: bytes, folder: Path) -> None:
    run = RunFile(_file(content, folder))
    for name in run.names:
        run.environment(run.glance(name))
        run.environment(run.result(name))


def _journal(content: bytes, folder: Path) -> None:
    """A session that starts finds it; what it becomes is a result file that can be read."""
    store = Store(folder, "machine")
    store.folder.mkdir(exist_ok=True)
    _file(content, store.folder, "0001_killed.jsonl")
    for path in store.recover():
        read_run(path)
        path.unlink()


def _trace(content: bytes, folder: Path) -> None:
    """Tables hold counts and take no tokenizer; texts need one."""
    path = _file(content, folder)
    try:
        read_trace(path)
    except JoulesError as refused:
        if "--tokenizer" not in str(refused):
            raise
        read_trace(path, "estimate")


def _boards(content: bytes, folder: Path) -> None:
    boards._read.cache_clear()
    for board in boards.all_boards(_file(content, folder)):
        board.peak_flop_s(next(iter(board.dense_flop_s)))


def _predictor(content: bytes, folder: Path) -> None:
    """Also one whose author has computed its digest anew."""
    with suppress(msgspec.MsgspecError, ValueError, RecursionError):
        content = to_json(sealed(msgspec.json.decode(content, type=Predictor)))
    read_predictor(_file(content, folder))


def _model(content: bytes, folder: Path) -> None:
    """A folder that somebody else filled, as the model of a session and of a prediction."""
    path = _file(content, folder, "config.json")
    spec = resolve(str(folder))
    shape = architecture_of(spec)
    if shape is not None:
        _ = shape.active_parameters, shape.kv_bytes(1000, 2.0), shape.attention
    weight_bytes(spec, "auto")
    vocabulary_of(ServerSpec(host="127.0.0.1", port=1, model_id="x", root=str(folder)))
    found = find_model(str(path))
    _ = found.architecture.parameters, stored_dtype(config_of(spec) or {})


def _tokenizer(content: bytes, folder: Path) -> None:
    _file(content, folder, "tokenizer.json")
    special_ids(folder)


def _answer(content: bytes, folder: Path) -> None:
    """Whole, and in pieces of a few bytes: never more comes out than went in."""
    for size in (len(content) or 1, max(1, len(content) // 100)):
        answer = Answer()
        body = b"".join(answer.feed(content[at : at + size]) for at in range(0, len(content), size))
        answer.closed()
        assert len(body) <= len(content)


def _events(content: bytes, folder: Path) -> None:
    events = Events()
    for at in range(0, len(content), 1000):
        events.feed(content[at : at + 1000])
    assert events.chunks >= 0


def _models_page(content: bytes, folder: Path) -> None:
    text = content.decode("utf-8", "replace")
    with mock.patch.object(local, "ask", return_value=(200, text)):
        local.models_of(Address(host="127.0.0.1", port=1))


def _option(content: bytes, folder: Path) -> None:
    """Every parser of an option's text; each may refuse, and the last refusal is looked at."""
    text = content[:20_000].decode("utf-8", "surrogateescape").replace("\0", "")  # no system takes longer ones
    parsers: list[Callable[[str], object]] = [
        option.convert for option in VALUES if option.convert and option.name != "boards"
    ]
    parsers += [parse_simulated, parse_domains, parse_limit, resolve, find_model, boards.find_board, chosen]
    parsers += [lambda typed: core_power(typed, ""), lambda typed: parse_prices(typed, typed, ("--a", "--b"))]
    parsers += [lambda typed: read_scenario(None, [typed])]
    refused: JoulesError | None = None
    with mock.patch("socket.getaddrinfo", side_effect=OSError("no network here")):
        for parse in parsers:
            try:
                parse(text)
            except JoulesError as error:
                refused = refused if refused is not None and not str(refused).isprintable() else error
    if refused is not None:
        raise refused


def _replay(content: bytes, folder: Path) -> None:
    meter = ReplayMeter(_file(content, folder), load_run=read_run)
    for label in [*meter._trials, "benchmarks/test_x.py::unknown\x1b[31m"]:
        meter.end(meter.begin(label, ()))


READERS: Mapping[str, Reader] = {
    "result": Reader(read=lambda content, folder: read_run(_file(content, folder)), seeds=seeds.result_files()),
    "compared": Reader(read=_run_file, seeds=seeds.result_files()),
    "replayed": Reader(read=_replay, seeds=seeds.result_files()),
    "commit": Reader(read=lambda content, folder: code_of(_file(content, folder)), seeds=seeds.result_files()),
    "journal": Reader(read=_journal, seeds=seeds.journals()),
    "trace": Reader(read=_trace, seeds=seeds.traces()),
    "bins": Reader(read=lambda content, folder: chosen(str(_file(content, folder))), seeds=seeds.BINS),
    "boards": Reader(read=_boards, seeds=seeds.BOARDS),
    "scenario": Reader(read=lambda content, folder: read_scenario(_file(content, folder)), seeds=seeds.SCENARIOS),
    "predictor": Reader(read=_predictor, seeds=seeds.shipped("reports/predict/default.json")),
    "model": Reader(read=_model, seeds=seeds.configurations()),
    "tokenizer": Reader(read=_tokenizer, seeds=seeds.TOKENIZERS),
    "training": Reader(
        read=lambda content, folder: read_observations([_file(content, folder, "evil\x1b.csv")]), seeds=seeds.TRAINING
    ),
    "training_results": Reader(
        read=lambda content, folder: read_observations([_file(content, folder)]), seeds=seeds.result_files()
    ),
    "lengths": Reader(
        read=lambda content, folder: read_histogram([_file(content, folder, "evil\x1b.csv")]), seeds=seeds.LENGTHS
    ),
    "plan": Reader(read=lambda content, folder: read_plan(_file(content, folder)), seeds=seeds.PLANS),
    "swept": Reader(read=lambda content, folder: journal_of(lines_of(content)), seeds=seeds.SWEPT),
    "http": Reader(read=_answer, seeds=seeds.ANSWERS, refusals=(ProtocolError,)),
    "events": Reader(read=_events, seeds=seeds.STREAMS, refusals=(StreamError, ServerError)),
    "metrics": Reader(
        read=lambda content, folder: counters(content.decode("utf-8", "replace")), seeds=seeds.METRIC_PAGES
    ),
    "models_page": Reader(read=_models_page, seeds=seeds.MODEL_PAGES),
    "reply": Reader(
        read=lambda content, folder: list(reply_unframer().feed(content)),
        seeds=(b"\0\0\0\2{}", b'\0\0\0\x1d{"kind":"raised","message":""}'),
        refusals=(msgspec.MsgspecError,),
    ),
    "option": Reader(read=_option, seeds=seeds.OPTIONS),
}
