"""Registers the two plugins also where the project is not installed, and pytest's own tester for `tests/`."""

pytest_plugins = ["energy_fixtures.plugin", "reports.plugin", "pytester"]
