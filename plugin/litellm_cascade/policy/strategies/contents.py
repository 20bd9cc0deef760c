"""What the files that strategies name have in common: fitted or recorded numbers over named features."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from litellm_cascade.policy.features import FEATURES
from litellm_cascade.policy.problems import did_you_mean

Vector = Annotated[tuple[float, ...], Field(strict=False)]


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in FEATURES:
            sentence = f"no feature is called {name!r}; {did_you_mean(name, FEATURES)}"
            raise PydanticCustomError("unknown_feature", "{sentence}", {"sentence": sentence})
        if names.count(name) > 1:
            raise PydanticCustomError("repeated_feature", "names {name} twice; keep one", {"name": repr(name)})
    return names


Features = Annotated[tuple[str, ...], Field(strict=False, min_length=1), AfterValidator(_known)]
"""Names of features, each once."""


def as_long_as(info: ValidationInfo, what: str, vector: tuple[float, ...]) -> None:
    """Raises when a vector has another length than the features, where those are right."""
    features = info.data.get("features", vector)
    if len(vector) != len(features):
        sentence = f"{what} are {len(vector)} numbers for {len(features)} features; give one for each"
        raise PydanticCustomError("another_length", "{sentence}", {"sentence": sentence})
