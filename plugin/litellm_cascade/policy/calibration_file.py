"""A calibration as ``cascade calibrate`` writes it and a policy reads it: JSON, sealed with an id over its content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from litellm_cascade.policy.strict import Label, Strict
from litellm_cascade.vocabulary import FEATURES, LOG, RIGHT, Calibration, Curve, Curves, Isotonic, Logistic

VERSION = 1
MOST_POINTS = 256
MOST_TASKS = 64
MOST_FEATURES = 32
_ID_DIGITS = 16


class CurveEntry(Strict):
    """Either ``points`` (score, probability) or ``intercept`` and ``weights``. ``n``: the records it was fitted on."""

    n: int = Field(ge=1)
    points: Annotated[tuple[Annotated[tuple[float, float], Field(strict=False)], ...], Field(strict=False, max_length=MOST_POINTS)] = ()
    intercept: float | None = None
    weights: dict[Label, float] = Field(default_factory=dict, max_length=MOST_FEATURES)

    @model_validator(mode="after")
    def _one_form(self) -> CurveEntry:
        if bool(self.points) == (self.intercept is not None and bool(self.weights)):
            raise _wrong("needs either points, or an intercept and weights")
        if any(left[0] >= right[0] for left, right in pairwise(self.points)):
            raise _wrong("has points whose scores do not rise; fit it again with `cascade calibrate`")
        if any(left[1] > right[1] for left, right in pairwise(self.points)):
            raise _wrong("is not monotone: a higher score must not be less probable; fit it again with `cascade calibrate`")
        if any(not 0 <= probability <= 1 for _, probability in self.points):
            raise _wrong("has a probability outside 0 to 1; fit it again with `cascade calibrate`")
        strange = [name for name in self.weights if name.removeprefix(LOG) not in FEATURES]
        if strange:
            raise _wrong(f"weighs {strange[0]!r}, which this release does not know; fit it again with this release, or update it")
        return self

    @property
    def curve(self) -> Curve:
        """As the gate uses it."""
        if self.intercept is not None:
            return Logistic(self.intercept, self.weights)
        return Isotonic(tuple(score for score, _ in self.points), tuple(probability for _, probability in self.points))


class CurvesEntry(Strict):
    """The pooled curve, and those of the task types that had enough records."""

    pooled: CurveEntry
    tasks: dict[Label, CurveEntry] = Field(default_factory=dict, max_length=MOST_TASKS)

    @property
    def curves(self) -> Curves:
        """As the gate uses them."""
        return Curves(pooled=self.pooled.curve, by_task={task: entry.curve for task, entry in self.tasks.items()})


class CalibrationContent(Strict):
    """A calibration without its id.

    ``model``: whose answers these were, as LiteLLM names it; None: nobody says. ``event``: what the probabilities are of. ``ece``,
    ``brier`` and ``auroc`` are of records that their curves were not fitted on.
    """

    version: Literal[1]
    card: str = Field(min_length=1, max_length=4_000)
    alias: Label
    model: str | None = None
    event: Literal["right", "no_worse"] = "right"
    score: Label
    of: Label
    method: Literal["isotonic", "logistic"]
    n: int = Field(ge=1)
    data: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    accept_at: float | None = Field(default=None, ge=0, le=1)
    alpha: float | None = Field(default=None, gt=0, lt=1)
    delta: float | None = Field(default=None, gt=0, lt=1)
    ece: float = Field(ge=0, le=1)
    brier: float = Field(ge=0, le=1)
    auroc: float = Field(ge=0, le=1)
    command: str = Field(min_length=1)
    prefix_tokens: int | None = Field(default=None, ge=1)
    whole: CurvesEntry
    prefix: CurvesEntry | None = None

    @field_validator("version", mode="before")
    @classmethod
    def _not_too_new(cls, version: Any) -> Any:
        if isinstance(version, int) and version > VERSION:
            raise _wrong(f"is {version}, and this release reads {VERSION}; fit it again with this release, or update litellm-cascade")
        return version


class CalibrationFile(CalibrationContent):
    """The content and its id, by which spans and records name it."""

    id: str

    @model_validator(mode="after")
    def _as_sealed(self) -> CalibrationFile:
        if self.id != id_of(self):
            raise _wrong(f"has the id {self.id}, which is not that of its content: it was changed by hand; fit it again")
        return self

    @property
    def calibration(self) -> Calibration:
        """As the gate uses it."""
        return Calibration(
            id=self.id,
            alias=self.alias,
            model=self.model,
            event=self.event,
            whole=self.whole.curves,
            prefix=self.prefix.curves if self.prefix is not None else None,
        )


def id_of(content: CalibrationContent) -> str:
    """16 hexadecimal digits of the SHA-256 over the content, keys sorted, defaults written out.

    But not that of ``event``, which files of earlier releases do not have: theirs keep their ids.
    """
    leaving_out = {"id", "event"} if content.event == RIGHT else {"id"}
    canonical = json.dumps(content.model_dump(mode="json", exclude=leaving_out), sort_keys=True, separators=(",", ":"))
    return sha256(canonical.encode()).hexdigest()[:_ID_DIGITS]


def sealed(content: Mapping[str, Any]) -> CalibrationFile:
    """The content with its id. Raises pydantic's ValidationError for a content that is none."""
    return CalibrationFile(**content, id=id_of(CalibrationContent(**content)))


def _wrong(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("calibration", "{sentence}", {"sentence": sentence})
