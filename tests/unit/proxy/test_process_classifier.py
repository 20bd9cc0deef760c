import asyncio

import pytest

from litellm_cascade.errors import StartupError
from litellm_cascade.proxy.process import classifier_for
from litellm_cascade.proxy.settings import read_settings


@pytest.mark.parametrize(
    ("classifier", "said"),
    [
        ({"name": "nvidea"}, "classifier 'nvidea': no such classifier; choose one of"),
        ({"name": "nvidia", "options": {"devise": "cpu", "dtype": 7}}, "classifier 'nvidia': options.devise: there is no such option"),
    ],
)
def test_a_classifier_that_cannot_be_built_is_a_problem_of_the_configuration(classifier, said):
    with pytest.raises(StartupError) as refused:
        classifier_for(read_settings({"classifier": classifier}), None)
    assert any(problem.startswith(f"cascade: callback_settings.cascade.{said}") for problem in refused.value.problems)
    assert all(problem.startswith("cascade: callback_settings.cascade.classifier ") for problem in refused.value.problems)


def test_relative_paths_begin_where_the_configuration_is(tmp_path):
    settings = read_settings({"classifier": {"name": "linear", "options": {"weights": "mine.npz"}}})
    classifier = classifier_for(settings, str(tmp_path / "litellm_config.yaml"))
    with pytest.raises(Exception, match=str(tmp_path / "mine.npz")):
        asyncio.run(classifier.warm_up())
