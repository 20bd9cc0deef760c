"""``strategy: thresholds``: one number, cut into bands; each band has its candidate."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from litellm_cascade.policy.options import Choice, Chooser, Kit, Option, Situation, narrow
from litellm_cascade.policy.problems import did_you_mean
from litellm_cascade.policy.strategies.base import Place, StrategyBase
from litellm_cascade.policy.strict import Strict
from litellm_cascade.policy.targets import Target, option_of
from litellm_cascade.policy.variables import TASKS, VARIABLES
from litellm_cascade.vocabulary import DIMENSIONS, Evidence, Step

_DIMENSION = "classification.dimensions."
_NUMBERS = tuple(name for name, variable in VARIABLES.items() if variable.type in ("int", "double"))
MEASURES = (*_NUMBERS, *(f"{_DIMENSION}{name}" for name in DIMENSIONS))
"""What may be cut."""

Task = Literal[TASKS]  # type: ignore[valid-type]


class Bands(Strict):
    """Cuts, and the candidates below, between and above them."""

    cuts: Annotated[tuple[float, ...], Field(strict=False, min_length=1)] = Field(description="Where one band ends and the next begins.")
    candidates: Annotated[tuple[Target, ...], Field(strict=False)] = Field(
        description="One more than there are cuts: an alias, a cascade or a later route for each band, from low to high."
    )

    @field_validator("cuts")
    @classmethod
    def _rising(cls, cuts: tuple[float, ...]) -> tuple[float, ...]:
        for low, high in pairwise(cuts):
            if low >= high:
                told = {"low": f"{low:g}", "high": f"{high:g}"}
                raise PydanticCustomError(
                    "overlapping_cuts", "{low} before {high}: the bands overlap; write the cuts in rising order", told
                )
        return cuts

    @field_validator("candidates")
    @classmethod
    def _one_for_each_band(cls, candidates: tuple[Target, ...], info: ValidationInfo) -> tuple[Target, ...]:
        bands = len(info.data.get("cuts", candidates[1:])) + 1
        if len(candidates) != bands:
            told = {"bands": bands, "candidates": len(candidates)}
            raise PydanticCustomError("bands", "{bands} bands need {bands} candidates, not {candidates}; one for each band", told)
        return candidates

    def options(self, kit: Kit) -> tuple[Option, ...]:
        """The candidates made ready."""
        return tuple(option_of(candidate, kit) for candidate in self.candidates)


class Override(Bands):
    """Other bands for some tasks: a specialist's, for example."""

    tasks: Annotated[tuple[Task, ...], Field(strict=False, min_length=1)] = Field(description="The tasks that have these bands.")


class Thresholds(Bands, StrategyBase):
    """A value at a cut belongs to the band above it."""

    targets: ClassVar[tuple[Place, ...]] = (("candidates", "*"), ("overrides", "*", "candidates", "*"))

    strategy: Literal["thresholds"] = Field(description="One number, cut into bands.")
    by: str = Field(
        default="classification.complexity",
        json_schema_extra={"enum": list(MEASURES)},
        description="The number that is cut.",
    )
    overrides: Annotated[tuple[Override, ...], Field(strict=False)] = Field(
        default=(), description="Other bands for some tasks; each task in one of them at most."
    )

    @field_validator("by")
    @classmethod
    def _a_number(cls, by: str) -> str:
        if by not in MEASURES:
            meant = [name for name in MEASURES if name.endswith(f".{by}")]  # most often the root is forgotten
            sentence = f"no number is called {by!r}; {did_you_mean(meant[0] if meant else by, MEASURES)}"
            raise PydanticCustomError("no_number", "{sentence}", {"sentence": sentence})
        return by

    @field_validator("overrides")
    @classmethod
    def _each_task_once(cls, overrides: tuple[Override, ...]) -> tuple[Override, ...]:
        counted = Counter(task for override in overrides for task in override.tasks)
        twice = [task for task, times in counted.items() if times > 1]
        if twice:
            raise PydanticCustomError("task_twice", "{task} has bands twice; leave it in one place", {"task": twice[0]})
        return overrides

    def chooser(self, kit: Kit) -> Chooser:
        """Ready to run."""
        by_task: dict[str, _Bands] = {}
        for override in self.overrides:
            by_task |= dict.fromkeys(override.tasks, _Bands(cuts=override.cuts, options=override.options(kit)))
        return _Cut(by=self.by, read=reader_of(self.by), usual=_Bands(cuts=self.cuts, options=self.options(kit)), by_task=by_task)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bands:
    cuts: tuple[float, ...]
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    by: str
    read: Callable[[Evidence], float]
    usual: _Bands
    by_task: Mapping[str, _Bands]

    @property
    def options(self) -> tuple[Option, ...]:
        return tuple(dict.fromkeys(option for bands in (self.usual, *self.by_task.values()) for option in bands.options))

    def choose(self, situation: Situation) -> Choice:
        """The candidate of the value's band; where the request's constraints rule it out, the nearest one, of two the higher."""
        bands = self.by_task.get(situation.evidence.classification.task, self.usual)
        value = self.read(situation.evidence)
        band = bisect_right(bands.cuts, value)
        narrowed = narrow(bands.options, situation)
        place = min(narrowed.places, key=lambda place: (abs(place - band), -place))
        step = Step(name="thresholds", outcome=bands.options[place].label, detail=f"{self.by} = {value:.4g}, cuts {_listed(bands.cuts)}")
        return Choice(
            option=bands.options[place],
            confidence=self._confidence(situation.evidence, bands.cuts, value),
            reasons=(f"thresholds:{self.by}={value:.4g}",),
            steps=(*narrowed.steps, step),
            degraded=narrowed.degraded,
        )

    def _confidence(self, evidence: Evidence, cuts: tuple[float, ...], value: float) -> float:
        """0.5 at a cut, or when nothing classified the request; towards 1 the further from the nearest cut, in parts of the larger one."""
        if self.by.startswith("classification.") and not evidence.classification.known:
            return 0.5
        return 0.5 + min(0.5, *(abs(value - cut) / (2 * max(abs(value), abs(cut), 1e-9)) for cut in cuts))


def _listed(cuts: tuple[float, ...]) -> str:
    return ", ".join(f"{cut:g}" for cut in cuts)


def reader_of(by: str) -> Callable[[Evidence], float]:
    """What reads one of ``MEASURES``. KeyError for a dimension that nothing measured."""
    if not by.startswith(_DIMENSION):
        return VARIABLES[by].read
    name, read = by.removeprefix(_DIMENSION), VARIABLES["classification.dimensions"].read
    return lambda evidence: float(read(evidence)[name])
