"""A server's counters, from its page."""

from __future__ import annotations

from energy_fixtures.serving.prometheus import caches_prefixes, counted_between, counters

PAGE = """
# HELP vllm:request_success_total Count of successfully processed requests.
vllm:request_success_total{engine="0",finished_reason="stop"} 2.0
vllm:request_success_total{engine="0",finished_reason="length"} 5.0
vllm:prefix_cache_hits_total{engine="0"} 1.0e+03
vllm:num_preemptions_total{engine="0"} nan
other_total 9.0
vllm:prefix_cache_hits_created{engine="0"} 1.7e+09
"""


def test_counters_are_summed_over_labels():
    """Each counter is summed over its labels; what is no number, or not asked for, is left out."""
    assert counters(PAGE) == {"finished_requests": 7, "prefix_cache_hit_tokens": 1000}


def test_whether_prefixes_are_cached_is_read_where_it_is_said():
    """From the label of vLLM's page; unknown where it is missing or engines differ."""
    line = 'vllm:cache_config_info{block_size="16",enable_prefix_caching="%s",engine="%d"} 1.0\n'

    assert caches_prefixes(PAGE) is None
    assert caches_prefixes(PAGE + line % ("True", 0)) is True
    assert caches_prefixes(line % ("False", 0) + line % ("False", 1)) is False
    assert caches_prefixes(line % ("False", 0) + line % ("True", 1)) is None


def test_a_new_counter_started_at_zero():
    """The difference of two readings; a counter that was not there before has counted from zero."""
    assert counted_between({"a": 3}, {"a": 5, "b": 2}) == {"a": 2, "b": 2}
