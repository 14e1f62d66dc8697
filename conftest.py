"""Registers the plugins also where the project is not installed, the suite's sweep, and pytest's tester for `tests/`."""

pytest_plugins = ["energy_fixtures.plugin", "energy_fixtures.sweep_fixture", "reports.plugin", "pytester"]
