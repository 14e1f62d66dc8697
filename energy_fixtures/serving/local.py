"""Servers on this machine: which addresses those are, what a server says of itself, and which process it is."""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psutil

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.serving.client import Address

ASK_S = 5.0  # a server that is there answers within milliseconds


@dataclass(frozen=True, kw_only=True)
class ServedModel:
    """A model as a server's /v1/models tells it.

    Attributes:
        id: By which requests name it.
        name: The id as results keep it: of a path the last part, so that no folder of a user is stored.
        root: Where its files are, where the server says so.
        context_tokens: Longest sequence, None where the server does not say.
    """

    id: str
    name: str
    root: str | None
    context_tokens: int | None


def local_address(url: str) -> Address:
    """Where an OpenAI-compatible server on this machine listens.

    Args:
        url: `http://127.0.0.1:8000`, with or without `/v1`; any name or address of this machine's loopback.

    Raises:
        ConfigurationError: No such address, or one of another machine.
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        host, port = parts.hostname or "", parts.port or 80
    except ValueError:
        raise ConfigurationError(f"{url!r} is no address; give one such as http://127.0.0.1:8000") from None
    if parts.scheme != "http" or not host or parts.username or parts.query:
        raise ConfigurationError(f"{url!r} is no address; give one such as http://127.0.0.1:8000")
    if parts.path.strip("/") not in ("", "v1"):
        raise ConfigurationError(f"{url!r} names a page; give the server alone, such as http://127.0.0.1:8000")
    if not _is_loopback(host):
        raise ConfigurationError(
            f"{host} is not this machine's loopback, and energy is metered here: run pytest on the server's own machine"
            " and name the server as http://127.0.0.1:PORT"
        )
    return Address(host=_resolved(host), port=port)


def ask(address: Address, page: str, *, timeout_s: float = ASK_S) -> tuple[int, str]:
    """Status and text of a page; raises OSError or http.client.HTTPException where there is no answer."""
    connection = http.client.HTTPConnection(address.host, address.port, timeout=timeout_s)
    try:
        connection.request("GET", page)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


def models_of(address: Address) -> list[ServedModel]:
    """The models that a running server serves.

    Raises:
        ConfigurationError: Nothing answers there, or no OpenAI-compatible server.
    """
    where = f"http://{address.host}:{address.port}"
    try:
        status, text = ask(address, "/v1/models")
    except (OSError, http.client.HTTPException) as error:
        raise ConfigurationError(
            f"--energy-server: nothing answers at {where} ({error}); start the server first, or leave the option out"
        ) from None
    try:
        entries = json.loads(text)["data"]
        found = [_served(entry) for entry in entries]
    except (ValueError, KeyError, TypeError):
        found = []
    if status != 200 or not found:
        raise ConfigurationError(
            f"--energy-server: {where}/v1/models answered with status {status} and names no model; it needs an"
            " OpenAI-compatible server that is ready"
        )
    return found


def listener_of(address: Address) -> int | None:
    """Process id of the server's root; None where the system does not tell (another user's, another container's)."""
    try:
        sockets = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return None
    pids = {
        one.pid
        for one in sockets
        if one.status == psutil.CONN_LISTEN and getattr(one.laddr, "port", None) == address.port and one.pid is not None
    }
    roots = [pid for pid in pids if not _ancestors(pid) & pids]  # workers that share the socket are its children
    return roots[0] if len(roots) == 1 else None


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_healthy(address: Address) -> bool:
    """Whether the server says that it is ready."""
    try:
        return ask(address, "/health", timeout_s=1.0)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def wait_for(address: Address, alive: Callable[[], bool], *, poll_s: float = 0.1) -> bool:
    """Wait until the server is ready; False when `alive()` says that its process has ended."""
    while alive():
        if is_healthy(address):
            return True
        time.sleep(poll_s)
    return False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        pass
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(str(one).partition("%")[0]).is_loopback for one in found)


def _resolved(host: str) -> str:
    """The IPv4 loopback for a name that stands for both, as servers mostly listen there."""
    return "127.0.0.1" if host == "localhost" else host


def _served(entry: dict[str, Any]) -> ServedModel:
    identity = str(entry["id"])
    longest, root = entry.get("max_model_len"), entry.get("root")
    return ServedModel(
        id=identity,
        name=identity.rstrip("/").rsplit("/", 1)[-1] if identity.startswith(("/", ".", "~")) else identity,
        root=root if isinstance(root, str) else None,
        context_tokens=longest if isinstance(longest, int) else None,
    )


def _ancestors(pid: int) -> set[int]:
    try:
        return {parent.pid for parent in psutil.Process(pid).parents()}
    except psutil.Error:
        return set()
