"""Servers on this machine: foreign hosts are refused, ours are asked what they serve and which process they are."""

from __future__ import annotations

import os
import socket

import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.records import PARALLEL, Scenario
from energy_fixtures.serving.client import Address
from energy_fixtures.serving.local import free_port, is_healthy, listener_of, local_address, models_of, server_key
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
        ("http://[::ffff:127.0.0.1]:9", "127.0.0.1", 9),
        ("http://127.1:9", "127.0.0.1", 9),
        ("http://127.0.0.1", "127.0.0.1", 80),
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
        "http://[::1",
        "http://127.0.0.1:0",
        "http://127.0.0.1/v1/chat",
        "http://127.0.0.1:99999",
    ],
)
def test_what_is_no_address_is_refused(url):
    """The sentence shows an address."""
    with pytest.raises(ConfigurationError, match=r"http://127\.0\.0\.1:8000"):
        local_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://ann:hunter2@127.0.0.1:8000",
        "http://:hunter2@127.0.0.1:8000",
        "http://ann:hunter2@192.0.2.1",
        "https://hunter2@127.0.0.1",
        "http://127.0.0.1/v1?api_key=hunter2",
        "http://127.0.0.1/#hunter2",
    ],
)
def test_what_may_be_secret_is_not_repeated(url):
    """An address with a user, a password or a query is refused without its words, and the place of a key is named."""
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY") as refused:
        local_address(url)

    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("key", ["a\nHost: b", "schlüssel"])
def test_a_key_that_no_header_can_carry_is_refused(monkeypatch, key):
    """It is refused before anything is asked, and not repeated; spaces around a key are no part of it."""
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(ConfigurationError, match="holds characters") as refused:
        server_key()
    monkeypatch.setenv("OPENAI_API_KEY", " sk-1\n")

    assert key not in str(refused.value) and server_key() == "sk-1"


def test_a_key_that_is_not_taken_is_told(monkeypatch):
    """Without a key its variable is named, with a wrong one that is said; the right one is let in."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with serving(Fake(key="right")) as fake:
        with pytest.raises(ConfigurationError, match="set OPENAI_API_KEY"):
            models_of(fake.address)
        monkeypatch.setenv("OPENAI_API_KEY", "wrong")
        with pytest.raises(ConfigurationError, match="does not take the key"):
            models_of(fake.address)
        monkeypatch.setenv("OPENAI_API_KEY", "right")
        assert len(models_of(fake.address)) == 1


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


def test_another_address_of_the_same_port_is_another_server():
    """Who listens at one loopback address is not taken for the server at another."""
    with serving(Fake()) as fake, socket.create_server(("127.0.0.2", fake.address.port)):
        assert listener_of(fake.address) == os.getpid()
        assert listener_of(Address(host="127.0.0.3", port=fake.address.port)) is None


@pytest.mark.parametrize("wanted", [("other",), ("one", "two")])
def test_a_model_that_is_not_served_is_told(wanted):
    """A model that was asked for by name and is not served, or more than one, is refused with what is served."""
    with serving(Fake(models=("one", "two"))) as fake, pytest.raises(ConfigurationError, match="serves one, two, and"):
        server_of(fake.address, wanted)


@pytest.mark.parametrize(("wanted", "chosen"), [(("two",), "two"), (("tiny",), "one"), ((), "one")])
def test_of_several_models_the_named_one_is_taken(wanted, chosen):
    """The first one where nobody named any."""
    with serving(Fake(models=("one", "two"))) as fake:
        assert server_of(fake.address, wanted).model.name == chosen


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


@pytest.mark.parametrize("caches", [True, False, None])
def test_a_prefix_cache_that_is_set_otherwise_is_told(caches):
    """Where prompts share a beginning the case and the server have to agree, as far as the server tells; else it is no matter."""
    shared = Arrivals(process="all_at_once", requests=6, shared_prefix_tokens=4)
    with serving(Fake(caches=caches, metrics=caches is not None)) as fake:
        server = server_of(fake.address, ("tiny",))
        said = {wanted: refusal(case(arrivals=shared, prefix_caching=wanted), server) for wanted in (True, False)}

        assert server.prefix_caching is caches and refusal(case(prefix_caching=True), server) is None
    assert {wanted: one is not None for wanted, one in said.items()} == {
        wanted: caches not in (None, wanted) for wanted in (True, False)
    }
    if caches is not None:
        assert "enable-prefix-caching for this case" in said[not caches]


def test_a_case_longer_than_the_context_is_refused(server):
    """Both numbers are said."""
    assert "5000 prompt and output tokens" in refusal(case(input_tokens=4996), server)


def test_unknown_vocabularies_get_usual_ids(server):
    """Without the model's files prompts keep clear of both ends of the vocabulary."""
    assert vocabulary_of(server.spec) == (1_000, 30_000, None)
