"""At most one engine is loaded at a time, and each only once for all the cases that share it."""

from __future__ import annotations

from collections.abc import Callable

from energy_fixtures.engines.base import EngineSpec
from energy_fixtures.engines.host import EngineHost
from energy_fixtures.engines.scratch import remove_left
from energy_fixtures.errors import EngineFailed
from energy_fixtures.record import digest


class EnginePool:
    """Keeps the engine of the current group of cases.

    An engine that failed to load is not tried again in this session: every case that needs it fails with the same
    sentence, at once. One that died while working is loaded again for the next case.

    Args:
        timeout_s: Longest wait for one step of an engine, `--energy-timeout`.
        on_wait: Called about four times a second while an engine loads or works, with the seconds so far.
    """

    def __init__(self, *, timeout_s: float, on_wait: Callable[[float], None]) -> None:
        remove_left()
        self._timeout_s = timeout_s
        self._on_wait = on_wait
        self._host: EngineHost | None = None
        self._spec: EngineSpec | None = None
        self._failures: dict[str, EngineFailed] = {}

    def holds(self, spec: EngineSpec) -> bool:
        """Whether this engine is loaded and alive."""
        return self._host is not None and self._spec == spec and self._host.alive

    def acquire(self, spec: EngineSpec) -> EngineHost:
        """The engine of `spec`, loaded now if it is not; the one before it ends first.

        Raises:
            EngineFailed: It cannot be loaded, now or earlier in this session.
        """
        if self._host is not None and self.holds(spec):
            return self._host
        self.close()
        if digest(spec) in self._failures:
            raise self._failures[digest(spec)]
        try:
            self._host = EngineHost.load(spec, timeout_s=self._timeout_s, on_wait=self._on_wait)
        except EngineFailed as failure:
            self._failures[digest(spec)] = failure
            raise
        self._spec = spec
        return self._host

    def close_unless(self, spec: EngineSpec | None) -> None:
        """End the engine unless the next case uses it."""
        if self._spec is not None and self._spec != spec:
            self.close()

    def close(self) -> None:
        """End the engine, if there is one."""
        host, self._host, self._spec = self._host, None, None
        if host is not None:
            host.close()
