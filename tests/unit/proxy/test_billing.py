"""The virtual model's own call is free, and nothing else becomes so."""

from litellm_cascade.proxy.billing import mark_as_free


def test_a_call_is_free_and_what_its_deployment_says_stays_as_it_is():
    of_the_deployment = {"id": "1", "mode": "chat"}
    metadata = {"model_info": of_the_deployment, "model_group": "auto"}
    mark_as_free(metadata)
    assert metadata["model_info"] == {"id": "1", "mode": "chat", "input_cost_per_token": 0.0, "output_cost_per_token": 0.0}
    assert of_the_deployment == {"id": "1", "mode": "chat"}
    assert metadata["model_group"] == "auto"


def test_a_call_of_no_deployment_is_free_too():
    metadata = {"model_info": None}
    mark_as_free(metadata)
    assert metadata["model_info"] == {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0}
