"""What each simulated role is like: how often it is right, by difficulty, and how long it takes. Prices are the proxy configuration's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from litellm_cascade.simulated.difficulty import Difficulty

LATENCY_JITTER = 0.15
"""A latency lies within this share of its role's latency, evenly spread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One role. ``accuracy`` is the chance of a right answer, 0..1, by difficulty."""

    role: str
    accuracy: Mapping[Difficulty, float]
    latency_ms: float


def _profile(role: str, simple: float, medium: float, complex_: float, latency_ms: float) -> Profile:
    accuracy: dict[Difficulty, float] = {"simple": simple, "medium": medium, "complex": complex_}
    return Profile(role=role, accuracy=MappingProxyType(accuracy), latency_ms=latency_ms)


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "small": _profile("small", 0.95, 0.65, 0.35, latency_ms=60.0),
        "sql": _profile("sql", 0.90, 0.93, 0.70, latency_ms=120.0),
        "large": _profile("large", 0.96, 0.94, 0.90, latency_ms=600.0),
    }
)
