"""What is wrong with a configuration is said when the proxy starts, and stops it where going on would be unsafe.

Here that it happens, in real processes; each sentence by itself in ``tests/unit/test_startup.py``, which needs none.
"""

import pytest
from harness.configs import cascade_config, model


@pytest.fixture
def config(upstream_server):
    return cascade_config(upstream_server.url)


def refused(prepare_proxy, config, **options):
    code, log = prepare_proxy(config, **options).expect_exit()
    assert code != 0
    return log


def test_an_unsafe_configuration_stops_the_proxy_and_all_problems_are_said_at_once(prepare_proxy, config, upstream_server):
    config["litellm_settings"]["callbacks"] = "litellm_cascade.proxy.hooks.cascade"
    config["model_list"] = [m for m in config["model_list"] if m["model_name"] != "large"] + [model("larger", upstream_server.url)]
    next(m for m in config["model_list"] if m["model_name"] == "auto")["model_info"]["input_cost_per_token"] = 0
    log = refused(prepare_proxy, config)
    assert "cascade: litellm_settings.callbacks is the single value" in log
    assert "cascade: the virtual model 'auto' has a price (model_info.input_cost_per_token)" in log
    assert "which is no model_name in model_list (did you mean 'larger'?)" in log


def test_a_source_folder_beside_the_configuration_stops_the_proxy(prepare_proxy, config, tmp_path):
    (tmp_path / "litellm_cascade").mkdir()
    (tmp_path / "litellm_cascade" / "__init__.py").write_text("")
    log = refused(prepare_proxy, config, files=[tmp_path / "litellm_cascade"])
    assert "lies beside the configuration, so LiteLLM would run that source instead of the installed package" in log


def test_a_broken_policy_stops_the_proxy_with_its_position(prepare_proxy, config, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "test.yaml").write_text("version: 1\nname: test\nmodles: {}\n")
    config["callback_settings"]["cascade"]["policies"] = "broken"
    log = refused(prepare_proxy, config, files=[tmp_path / "broken"])
    assert "the policy of model 'auto' cannot be used" in log
    assert "test.yaml:3:1: $.modles: " in log


def test_what_is_only_unwise_is_logged_and_the_proxy_runs(start_proxy, config):
    config["model_list"][0]["litellm_params"]["model"] = "anthropic/small"
    config["general_settings"]["cancel_on_disconnect"] = False
    config["litellm_settings"].pop("fallbacks")
    log = start_proxy(config).log()
    assert "judges 'small' for model 'auto' on log-probabilities, which 'anthropic/small' does not give" in log
    assert "cascade: general_settings.cancel_on_disconnect is not true" in log
    assert "cascade: litellm_settings.fallbacks has no entry for 'auto'" in log


def test_a_sound_configuration_is_not_complained_about(proxy):
    assert "cascade:" not in proxy.log()
