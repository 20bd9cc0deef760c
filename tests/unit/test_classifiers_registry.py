from importlib.util import find_spec
from pathlib import Path

import pytest

from litellm_cascade.classifiers import Surroundings, build, registry, servable
from litellm_cascade.classifiers.linear import SHIPPED
from litellm_cascade.errors import ClassifierError


def test_an_option_that_does_not_exist_is_answered_with_those_that_do():
    with pytest.raises(ClassifierError, match=r"'linear': options.wieghts: there is no such option; the options are chances, weights"):
        build("linear", {"wieghts": "x"})
    with pytest.raises(ClassifierError, match=r"'none': options.x: there is no such option; the options are none"):
        build("none", {"x": 1})


def test_an_option_of_the_wrong_kind_is_named_with_its_value():
    with pytest.raises(ClassifierError, match=r"'linear': options.weights: input is not a valid path.*; it is 3 now"):
        build("linear", {"weights": 3})


def test_an_option_that_is_missing_is_named_and_nothing_is_said_of_the_others():
    with pytest.raises(ClassifierError, match=r"^classifier 'sequence': options.model: field required; write it$"):
        build("sequence", {"threads": 1})


async def test_paths_begin_at_the_folder_around(tmp_path: Path):
    (tmp_path / "own.npz").write_bytes(SHIPPED.read_bytes())
    made = build("linear", {"weights": "own.npz"}, Surroundings(folder=tmp_path))
    await made.warm_up()
    assert made.digest
    with pytest.raises(ClassifierError, match="cannot read the weights"):
        await build("linear", {"weights": "own.npz"}, Surroundings(folder=tmp_path / "elsewhere")).warm_up()


def test_every_name_has_its_module():
    assert all(find_spec(f"litellm_cascade.classifiers.{module}") for module in registry.values())


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("os:name", "is no function; write package.module:function"),
        (":x", r"cannot be imported \(Empty module name\)"),
        ("os:", "cannot be imported"),
        ("itertools:zip_longest", "returned a zip_longest instead of a litellm_cascade.classifiers.servable.Servable"),
    ],
)
def test_what_is_served_of_ones_own_must_be_a_function_that_returns_what_can_be_served(name, sentence):
    with pytest.raises(ClassifierError, match=sentence):
        servable.load(name, {}, ())
