"""Servers on this machine: foreign hosts are refused, ours are asked what they serve and which process they are."""

from __future__ import annotations

import os

import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.records import PARALLEL, Scenario
from energy_fixtures.serving.client import Address
from energy_fixtures.serving.local import free_port, is_healthy, listener_of, local_address, models_of
from energy_fixtures.serving.records import Arrivals
from energy_fixtures.serving.running import as_served, refusal, server_of, vocabulary_of
from tests.energy_fixtures.serving.fake import Fake, serving


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1", 8000),
        ("http://127.0.0.1:8000/v1/", "127.0.0.1", 8000),
        ("127.0.0.2:81", "127.0.0.2", 81),
        ("http://localhost:9", "127.0.0.1", 9),
        ("http://[::1]:9", "::1", 9),
    ],
)
def test_the_loopback_is_taken(url, host, port):
    """Addresses of this machine's loopback, with or without /v1."""
    assert local_address(url) == Address(host=host, port=port)


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1:8000", "http://10.0.0.1", "http://0.0.0.0:8000", "nowhere.invalid:80"]
)
def test_other_machines_are_refused(url):
    """Energy is metered here, so a server elsewhere is refused with that reason."""
    with pytest.raises(ConfigurationError, match="energy is metered here"):
        local_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://127.0.0.1",
        "http://127.0.0.1:port",
        "http://a@127.0.0.1",
        "http://127.0.0.1/v1/chat",
        "http://127.0.0.1:99999",
    ],
)
def test_what_is_no_address_is_refused(url):
    """The sentence shows an address."""
    with pytest.raises(ConfigurationError, match=r"http://127\.0\.0\.1:8000"):
        local_address(url)


def test_nobody_there_is_told():
    """A server that does not answer is told before anything is measured."""
    with pytest.raises(ConfigurationError, match="nothing answers"):
        models_of(Address(host="127.0.0.1", port=free_port()))


def test_a_server_says_what_it_serves():
    """The model is named without the folder it lies in; requests name it by its whole id."""
    with serving(Fake()) as fake:
        (model,) = models_of(fake.address)
        healthy = is_healthy(fake.address)

    assert (model.id, model.name, model.context_tokens) == ("/models/fake-1b", "fake-1b", 4096)
    assert healthy


def test_its_process_is_found():
    """The process that listens is the server's root, so that its joules count as the work's."""
    with serving(Fake()) as fake:
        assert listener_of(fake.address) == os.getpid()

    assert listener_of(Address(host="127.0.0.1", port=free_port())) is None


@pytest.fixture
def server():
    """A running server of a 4096-token context."""
    with serving(Fake()) as fake:
        yield server_of(fake.address, ("tiny",))


def case(**changes):
    """A case as a benchmark file writes it."""
    fields = {
        "engine": "vllm_server",
        "batch_size": 2,
        "input_tokens": 8,
        "output_tokens": 4,
        "arrivals": Arrivals.all_at_once(6),
    }
    return Scenario(**{**fields, **changes})


def test_a_case_becomes_one_of_the_running_server(server):
    """Its own settings give way to the server's, which are unknown and said to be so."""
    assert refusal(case(), server) is None
    named = as_served(case(), server)

    assert (named.engine, named.execution, named.dtype, named.model) == ("server", "as_served", "auto", "fake-1b")
    assert named.arrivals == case().arrivals


@pytest.mark.parametrize("field", PARALLEL)
def test_what_the_starter_settled_cannot_be_asked_for(server, field):
    """A case that needs the server started otherwise is refused by field."""
    assert field in refusal(case(**{field: 2}), server)


def test_a_case_longer_than_the_context_is_refused(server):
    """Both numbers are said."""
    assert "5000 prompt and output tokens" in refusal(case(input_tokens=4996), server)


def test_unknown_vocabularies_get_usual_ids(server):
    """Without the model's files prompts keep clear of both ends of the vocabulary."""
    assert vocabulary_of(server.spec) == (1_000, 30_000, None)
