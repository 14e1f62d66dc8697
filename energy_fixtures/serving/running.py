"""A server that runs already (`--energy-server`): what it is, and what a case becomes on it."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

from energy_fixtures.engines.base import ServerSpec
from energy_fixtures.errors import ConfigurationError
from energy_fixtures.models.base import ModelSpec
from energy_fixtures.records import PARALLEL, Scenario
from energy_fixtures.serving.client import Address
from energy_fixtures.serving.local import ask, models_of, server_key
from energy_fixtures.serving.prometheus import caches_prefixes
from energy_fixtures.serving.schedule import longest_tokens

SETTLED = ("quantization", "kv_cache_dtype", *PARALLEL, "speculation", "engine_options", "model")
"""Fields of a Scenario that only whoever starts a server can settle."""


USUAL_IDS = (1_000, 30_000)
"""GPT-2, Llama, Qwen, Gemma, Mistral, OLMo: each has more than 30,000 ids, the first hundreds single bytes or special."""


UNSAID = ("tiny",)
"""`--energy-model` where nobody gave it."""

MOST_NAMED = 5  # of a server's models in a sentence


@dataclass(frozen=True, kw_only=True)
class RunningServer:
    """Where it is, the model it serves, and whether it caches prefixes, as far as it tells."""

    spec: ServerSpec
    model: ModelSpec
    prefix_caching: bool | None


@cache
def server_of(address: Address, wanted: tuple[str, ...]) -> RunningServer:
    """Ask a running server what it serves; once in a session.

    Args:
        address: Where it listens.
        wanted: Names of `--energy-model`: of several served models the one that is named, the first where none is.

    Raises:
        ConfigurationError: Nothing answers there, or a model was asked for that is not served, or several were.
    """
    served = models_of(address)
    named = [one for one in served if one.id in wanted or one.name in wanted]
    if wanted and wanted != UNSAID and (len(wanted) > 1 or not named):
        names = ", ".join(one.name if one.name.isprintable() else ascii(one.name) for one in served[:MOST_NAMED])
        raise ConfigurationError(
            f"--energy-server: http://{address.at} serves {names}, and --energy-model asks for {', '.join(wanted)}; name"
            " one that it serves, or leave --energy-model out"
        )
    chosen = named[0] if named else served[0]
    return RunningServer(
        spec=ServerSpec(
            host=address.host,
            port=address.port,
            model_id=chosen.id,
            root=chosen.root,
            context_tokens=chosen.context_tokens,
        ),
        model=ModelSpec(name=chosen.name, source="hub", default_dtype="auto", location=chosen.name),
        prefix_caching=_caches(address),
    )


def _caches(address: Address) -> bool | None:
    try:
        status, page = ask(address, "/metrics", key=server_key())
    except (OSError, http.client.HTTPException):  # it has no counters
        return None
    return caches_prefixes(page) if status == 200 else None


def refusal(scenario: Scenario, server: RunningServer) -> str | None:
    """Why this case cannot be run on a server that somebody else started, in one sentence; None when it can."""
    usual = Scenario(
        engine=scenario.engine,
        batch_size=1,
        input_tokens=scenario.input_tokens,
        output_tokens=1,
        execution="as_served" if scenario.engine == "server" else "eager",
        arrivals=None if scenario.arrivals is None else msgspec.structs.replace(scenario.arrivals, max_concurrency=1),
    )
    named = [name for name in SETTLED if getattr(scenario, name) != getattr(usual, name)]
    if named:
        return (
            f"the case asks for {' and '.join(named)}, which whoever started the server at port {server.spec.port} has"
            " settled; leave out --energy-server for this case"
        )
    arrivals, caches = scenario.arrivals, server.prefix_caching
    repeats = arrivals is not None and (arrivals.turns > 1 or arrivals.shared_prefix_tokens > 0)
    if repeats and caches is not None and caches != scenario.prefix_caching:
        return (
            f"the server at port {server.spec.port} {'caches' if caches else 'does not cache'} prefixes, and the case's"
            f" requests share some that {'are' if scenario.prefix_caching else 'must not be'} cached; start the server with"
            f" --{'' if scenario.prefix_caching else 'no-'}enable-prefix-caching for this case"
        )
    longest, needed = server.spec.context_tokens, longest_tokens(scenario)
    if longest is not None and needed > longest:
        return f"{needed} prompt and output tokens do not fit into the server's context of {longest} tokens"
    return None


def as_served(scenario: Scenario, server: RunningServer) -> Scenario:
    """The same case with the server's own settings in place of ours."""
    return msgspec.structs.replace(
        scenario, engine="server", execution="as_served", dtype="auto", model=server.model.name
    )


def vocabulary_of(spec: ServerSpec) -> tuple[int, int, str | None]:
    """Least and first unused token id that prompts are drawn from, and the model's folder where it can be read here.

    Without the folder: ids that every tokenizer of the last years has, clear of the special ones at both ends.
    """
    folder = Path(spec.root) if spec.root is not None else None
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8")) if folder is not None else {}
        size = config.get("vocab_size") or config.get("text_config", {}).get("vocab_size")
    except (OSError, ValueError, AttributeError):  # a hub id, or a folder that is not of this machine
        size = None
    if isinstance(size, int) and size > 0:
        return 0, size, str(folder)
    return *USUAL_IDS, None
