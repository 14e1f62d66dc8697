"""The address of one run in a shared store: the store's own, then the run."""

from __future__ import annotations

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.storage.location import Location, location_of
from energy_fixtures.storage.names import parse


def split(url: str) -> tuple[Location, str | None]:
    """Store and reference of a run's address: the name of a run under its machine, or else what follows the last slash.

    Raises:
        ConfigurationError: It names no place, or holds credentials, which are not repeated.

    Example:
        >>> split("s3://lab/energy/main")
        (Location(text='s3://lab/energy'), 'main')
    """
    location = location_of(url)
    place, _, last = location.text.rpartition("/")
    above, _, machine = place.rpartition("/")
    if place.endswith(("/", ":")) or not last:
        raise ConfigurationError(
            f"{location} is a store and no run; add one to it: {location}/newest, a branch, or the name of a run"
        )
    if machine and not above.endswith("/"):
        group = parse(machine, last)  # of one object it is its run
        if group is not None or parse(machine, f"{last}_0001.json") is not None:
            return location_of(above), f"{machine}/{last if group is None else group.of_run}"
    return location_of(place), None if last == "newest" else last
