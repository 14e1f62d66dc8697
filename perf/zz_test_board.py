import pytest
from energy_fixtures import Arrivals, Scenario
def online(arrivals):
    return Scenario(engine="vllm_server", batch_size=4, input_tokens=16, output_tokens=50, arrivals=arrivals)
@pytest.mark.parametrize("scenario", [pytest.param(online(Arrivals.all_at_once(24, max_concurrency=4)), id="closed"), pytest.param(online(Arrivals.poisson(24, 8.0)), id="poisson")])
def test_serving(scenario, energy):
    energy.measure(scenario)
