"""When an answer is good enough: the gate, what its scores are worth, and how much escalating is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

NOT_RECORDED: Mapping[str, bool] = {"recorded": False}
"""Marks a field that a record leaves out because another field stands for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamJudging:
    """How a stream is judged: after a prefix of ``tokens`` or ``within_ms`` milliseconds, on the full answer, or not at all."""

    judge: str = "prefix"  # prefix | full | off
    tokens: int = 24
    within_ms: float = 400.0


@dataclass(frozen=True, slots=True)
class Isotonic:
    """A probability by score: straight lines between points, level beyond the outermost. The scores rise; the probabilities never fall."""

    scores: tuple[float, ...]
    probabilities: tuple[float, ...]


LOG = "log_"
"""Before a feature's name: the logarithm of its size."""
NUMBER_FEATURES = ("numbers", "numbers_mean", "numbers_min", "numbers_sum")
FEATURES = frozenset({"tokens", "mean", "min", "sum", "q10", "q25", "q50", "lowest_group", "margin", "entropy", *NUMBER_FEATURES})
"""What can be weighed of an answer's tokens; ``escalation/confidence/scores.py`` has the formulas."""


@dataclass(frozen=True, slots=True)
class Logistic:
    """A probability as the logistic function of ``intercept`` plus the weighted ``FEATURES`` of an answer's tokens."""

    intercept: float
    weights: Mapping[str, float]


Curve = Isotonic | Logistic

RIGHT, NO_WORSE = "right", "no_worse"
"""What a calibration's probabilities are of: the answer is right; or the next rung's is not right where this one is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """A curve for the task types that had enough records, and the pooled one for all others."""

    pooled: Curve
    by_task: Mapping[str, Curve] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What one alias's confidence is worth. ``prefix`` is for the beginnings of streams; None: they are read as whole answers are.

    ``id`` is a digest of the curves, so two with the same one are equal, and a record names it instead of them.
    """

    id: str
    alias: str
    model: str | None = None  # whose answers it was fitted on, as LiteLLM names it
    event: str = RIGHT  # right | no_worse
    whole: Curves = field(default=Curves(pooled=Isotonic((), ())), compare=False, repr=False, metadata=NOT_RECORDED)
    prefix: Curves | None = field(default=None, compare=False, repr=False, metadata=NOT_RECORDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstention:
    """What becomes of the last rung's answer when it is not good enough either: a score below ``below``, or a defect of the gate's."""

    below: float
    then: str  # large | flag | error
    large: str | None = None  # the pool's largest alias, where that is to be asked then and may be


@dataclass(frozen=True, slots=True, kw_only=True)
class Consulting:
    """Further calls of a rung's own model, where its tokens do not say how sure it was.

    ``kinds`` are asked in turn until one gives a score: ``self_check`` and ``agreement``. A kind that is the gate's own ``score`` is held
    against the gate's ``accept_at``, any other against the one here; both scores lie in 0..1.
    """

    kinds: tuple[str, ...] = ()
    accept_at: float = 0.5
    samples: int = 5  # of agreement
    max_tokens: int = 256  # of one sample
    within_ms: float = 10_000.0  # for all calls of one kind together


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """When an answer is good enough. With ``calibrations`` (by alias) ``accept_at`` is a probability, else it is a score."""

    name: str
    score: str = "sum"
    of: str = "reasoning_and_answer"
    q: float = 0.1  # of the score quantile
    window: int = 16  # tokens, of the score lowest_group
    accept_at: float = 0.7
    unknown: str = "accept"  # accept | escalate: what an answer comes to that has no score in the end
    consulting: Consulting = Consulting()
    also_escalate: frozenset[str] = frozenset()
    abstain: Abstention | None = None  # None: the last rung's answer is served unjudged
    stream: StreamJudging = StreamJudging()
    whole_within_ms: float = 120_000.0
    first_chunk_within_ms: float = 30_000.0
    calibrations: Mapping[str, Calibration] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How much escalating a policy allows. ``at_most``: a share of the requests (``escalation_rate``), or USD (``extra_spend``)."""

    name: str  # escalation_rate | extra_spend
    at_most: float
    over_s: float
    per: str = "policy"  # policy | team | key | user
    then: str = "accept"  # accept | large
