"""What `--energy-domains` picks."""

from __future__ import annotations

import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.meters.domains import choose_domains, parse_domains

EXISTING = ("soc", "dram:0", "gpu:10", "gpu:2", "cpu:0")


def test_all_domains_in_a_fixed_order():
    """Without a choice every domain is taken: GPUs, CPUs, memory, SoC, each by its index."""
    assert choose_domains(None, EXISTING, meter="zeus") == ("gpu:2", "gpu:10", "cpu:0", "dram:0", "soc")


def test_kind_names_all_of_its_domains():
    """`gpu` means every GPU, `gpu:2` that one, whatever the order of the words."""
    assert choose_domains(parse_domains("cpu, gpu"), EXISTING, meter="zeus") == ("gpu:2", "gpu:10", "cpu:0")
    assert choose_domains(parse_domains("gpu:2"), EXISTING, meter="zeus") == ("gpu:2",)
    assert parse_domains(None) is None


@pytest.mark.parametrize("text", ["gup", "gpu:x", "gpu:-1", "", " , ", "gpu0", "cpu:0:1"])
def test_unknown_word_is_refused(text: str):
    """A word that is no domain is refused before any machine is asked."""
    with pytest.raises(ConfigurationError, match="--energy-domains"):
        parse_domains(text)


def test_nearest_word_is_offered():
    """A typo is answered with the domain that was meant."""
    with pytest.raises(ConfigurationError, match="did you mean gpu"):
        parse_domains("gup")


@pytest.mark.parametrize("text", ["gpu:1", "cpu:0,dram:7"])
def test_domain_that_the_machine_lacks(text: str):
    """A domain that this machine lacks is refused with those that it has."""
    with pytest.raises(ConfigurationError, match="gpu:2, gpu:10, cpu:0, dram:0, soc"):
        choose_domains(parse_domains(text), EXISTING, meter="zeus")
