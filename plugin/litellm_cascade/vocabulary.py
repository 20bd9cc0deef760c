"""The nouns, in the order a request meets them.

Frozen data, nothing else; imports nothing of ours. ``None`` always means *unknown*. What leaves the process for policies, spans and
records (``Evidence``, ``Decision``, ``AuditRecord``) holds no message text, so it is private by type; ``Texts`` is what a policy may ask
to be kept beside a record, and goes nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

NOT_RECORDED: Mapping[str, bool] = {"recorded": False}
"""Marks a field that a record leaves out because another field stands for it."""

# --- what arrives ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, as LiteLLM authenticated them. Hashes and ids, never the key itself."""

    key_hash: str | None = None
    key_alias: str | None = None
    team: str | None = None
    user: str | None = None
    end_user: str | None = None
    tier: str | None = None
    tags: tuple[str, ...] = ()
    budget_left_usd: float | None = None  # of the budget that ends first; None: no budget is known


class Endpoint(StrEnum):
    """The route the client called; its dialect is kept for the answer."""

    CHAT = "chat"
    COMPLETIONS = "completions"
    MESSAGES = "messages"
    RESPONSES = "responses"
    GENERATE_CONTENT = "generate_content"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One non-text part of a turn."""

    modality: str  # image | pdf | audio | video | file
    mime_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message of the conversation. ``text`` joins its text parts with newlines."""

    role: str  # system | user | assistant | tool
    text: str
    attachments: tuple[Attachment, ...] = ()
    tool_calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The outside of a request: what can be said without reading it."""

    request_id: str
    endpoint: Endpoint
    requested_model: str
    policy: str
    stream: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What a client asks for itself, by header or metadata. None: it does not ask.

    ``ignored`` names what it asked in vain: at first what could not be understood, later also what the policy does not allow it.
    """

    max_cost_usd: float | None = None
    max_latency_ms: float | None = None
    min_quality: float | None = None  # 0..1
    alias: str | None = None
    band: Band | None = None
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What a caller says outright of how a request should be answered. Signals like any other: the policy says whether they count."""

    quality: str = "unspecified"  # low | normal | high
    urgency: str = "unspecified"  # low | normal | high
    latency_budget_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function that a request offers. ``parameters`` is the JSON schema of its arguments as the client wrote it; None: there is none."""

    name: str
    parameters: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerContract:
    """What an answer must satisfy because the request says so. Content, like the turns: it is held against answers and told to nobody.

    Nothing in it has been checked: a schema is whatever the client sent.
    """

    json: str | None = None  # json_object | json_schema
    schema: object = None
    tools: tuple[Tool, ...] = ()
    knows_all_tools: bool = True  # False: tools are offered of which only the provider knows the names
    must_call: bool = False
    must_call_tool: str | None = None  # this one
    language: str = "unknown"  # of the prompt; ISO 639-1, or "unknown"
    choices: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What is remembered of the conversation that a request belongs to. The default stands for one nothing is known of."""

    alias: str | None = None  # the alias that answered last
    turns: int = 0  # requests of this conversation answered so far
    bound_to: str | None = None  # who must answer: it made the tool call whose result this is, or it keeps the earlier response
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request in one dialect-free form. The only type that holds what the client wrote."""

    envelope: Envelope
    caller: Caller = Caller()
    turns: tuple[Turn, ...] = ()
    tools: tuple[str, ...] = ()
    response_format: str | None = None  # json_object | json_schema
    temperature: float | None = None
    max_output_tokens: int | None = None
    choices: int = 1
    wants_logprobs: bool = False
    hints: Hints = Hints()
    contract: AnswerContract = AnswerContract()
    direct_only: str | None = None  # why this request cannot pass through a cascade (a feature only the native path keeps)
    overrides: Overrides = Overrides()
    session: Session = Session()


# --- 1. signals --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What a request tells without a model. See docs/signals.md for units, cost and examples."""

    input_tokens: int = 0
    turns: int = 0
    turn: int = 0  # which of the user's turns this is; 1 is the first
    modalities: tuple[str, ...] = ("text",)
    attachments: int = 0
    mime_types: tuple[str, ...] = ()  # of the attachments, from a closed list; sorted
    markup: tuple[str, ...] = ()  # xml | json | code | sql | markdown_table
    tools: int = 0
    tool_results: int = 0
    continues_tool_call: bool = False  # the last turn brings back a tool's result
    response_format: str = "text"  # text | json_object | json_schema
    temperature: float | None = None
    language: str = "unknown"  # ISO 639-1, or "unknown"
    max_output_tokens: int | None = None
    predicted_output_tokens: int | None = None  # of one answer
    choices: int = 1
    quality_requirement: str = "unspecified"  # unspecified | low | normal | high
    urgency: str = "unspecified"  # unspecified | low | normal | high
    latency_budget_ms: float | None = None


# --- 2. classification -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """What a classifier believes about the prompt.

    ``complexity`` and every dimension lie in 0..1 (``number_of_few_shots``: 0..5). ``degraded`` names what went wrong on the way.
    """

    known: bool = True
    task: str = "Unknown"
    task_probability: float = 0.0
    task_probabilities: Mapping[str, float] = field(default_factory=dict)
    complexity: float = 0.5
    dimensions: Mapping[str, float] = field(default_factory=dict)
    classifier: str = "none"
    digest: str = ""
    device: str = "cpu"
    took_ms: float = 0.0
    truncated: bool = False
    cached: bool = False  # it was remembered from an equal prompt
    degraded: tuple[str, ...] = ()


UNCLASSIFIED = Classification(known=False)
"""What stands in when no classifier answered: task ``Unknown``, complexity in the middle, ``known`` false."""


# --- 3. decision -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """What a request asks of whoever answers it. None: it does not ask."""

    max_cost_usd: float | None = None
    max_latency_ms: float | None = None
    min_quality: float | None = None  # 0..1


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How busy one alias is, as this process sees it. The default stands for an alias nothing is known of: idle, and there."""

    cooling_down: bool = False  # every deployment of the alias is in a cooldown
    in_flight: int = 0  # calls of ours that have not ended
    available: int = 1  # deployments that are in no cooldown


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything a policy may see, and nothing it may not: no message text."""

    envelope: Envelope
    caller: Caller = Caller()
    signals: Signals = Signals()
    classification: Classification = UNCLASSIFIED
    constraints: Constraints = Constraints()
    load: Mapping[str, Load] = field(default_factory=dict)  # by alias of the pool
    direct_only: str | None = None
    overrides: Overrides = Overrides()
    session: Session = Session()


class Band(StrEnum):
    """Which of the ways a request is answered."""

    SMALL = "small"  # a cheaper alias answers alone
    CASCADE = "cascade"  # rungs from cheap to capable, judged on the answer
    LARGE = "large"  # the most capable alias answers alone
    ENSEMBLE = "ensemble"  # several aliases answer at once, and one of the answers is picked


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of a decision's trace: what was looked at, what came out, and why."""

    name: str
    outcome: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What asking one alias alone is expected to bring for this request. None: the pool does not say."""

    alias: str
    quality: float | None = None  # how often it is right, 0..1
    cost_usd: float | None = None
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamJudging:
    """How a stream is judged: after a prefix of ``tokens`` or ``within_ms`` milliseconds, on the full answer, or not at all."""

    judge: str = "prefix"  # prefix | full | off
    tokens: int = 24
    within_ms: float = 400.0


@dataclass(frozen=True, slots=True)
class Isotonic:
    """P(right) by score: straight lines between points, level beyond the outermost. The scores rise; the probabilities never fall."""

    scores: tuple[float, ...]
    probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Logistic:
    """P(right) as the logistic function of ``intercept`` plus the weighted features of an answer's tokens."""

    intercept: float
    weights: Mapping[str, float]


Curve = Isotonic | Logistic


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """How one of several answers is picked. ``judge`` is the alias that picks where ``by`` says ``judge``, None elsewhere."""

    by: str = "vote"  # vote | longest | judge
    judge: str | None = None
    within_ms: float = 120_000.0  # for the answers
    judge_within_ms: float = 10_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the policy wants. ``ladder`` has one alias when a request is sent, two or more when it is cascaded, and the members of an
    ensemble, the most trusted first.

    ``confidence`` lies in 0..1: 1.0 for a rule, 0.5 for a tie between two candidates. ``estimates`` has one entry for each alias of the
    pool, by name. ``propensity`` is the probability with which a choice by chance fell on this ladder.
    """

    policy: str
    digest: str
    route: str
    band: Band
    ladder: tuple[str, ...]
    gate: Gate | None = None
    reasons: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()
    propensity: float = 1.0
    confidence: float = 1.0
    estimates: tuple[Estimate, ...] = ()
    trace: tuple[Step, ...] = ()
    degraded: tuple[str, ...] = ()
    ignored_overrides: tuple[str, ...] = ()  # the names of what the client asked for itself in vain
    hedge: bool = False  # the next rung is started together with each that is judged
    carry_over: bool = False  # a draft that was turned down is handed to the next rung
    ensemble: Ensemble | None = None

    @property
    def alias(self) -> str:
        """The alias that is asked first."""
        return self.ladder[0]

    @property
    def aliases(self) -> tuple[str, ...]:
        """Every alias that may be asked: the ladder's, an ensemble's judge, the one that is asked when the last rung is not good enough."""
        judge = self.ensemble.judge if self.ensemble is not None else None
        beyond = self.gate.abstain.large if self.gate is not None and self.gate.abstain is not None else None
        return tuple(dict.fromkeys([*self.ladder, *(alias for alias in (judge, beyond) if alias is not None)]))

    @property
    def estimate(self) -> Estimate:
        """What is expected of the alias that is asked first."""
        return next((estimate for estimate in self.estimates if estimate.alias == self.alias), Estimate(alias=self.alias))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A decision with the evidence it rests on: all that is settled before the call."""

    evidence: Evidence
    decision: Decision


# --- 4. the answer and its judgement -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One generated token. ``logprob`` in nats, <= 0; ``top`` the alternatives' log-probabilities, best first, this token's included."""

    token: str
    logprob: float
    top: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model called; ``arguments`` is the text it wrote, which ought to be JSON. ``id`` where somebody needs it."""

    name: str
    arguments: str = "{}"
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens in and out, as the provider counted them."""

    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """An answer, whole or the part of it that has arrived. ``tokens`` is None when the provider sends no log-probabilities."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    refused: bool = False  # the provider says so, in a field of its own
    tokens: tuple[TokenLogprob, ...] | None = None
    finish_reason: str | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """How sure the model was. ``score`` is None when there was nothing to score: unknown is not low.

    With a ``calibration`` (its id) the threshold is a ``probability``, that the answer is right; None where the calibration cannot say.
    """

    name: str
    score: float | None
    threshold: float
    tokens: int = 0
    probability: float | None = None
    calibration: str | None = None

    @property
    def value(self) -> float | None:
        """What is compared with the threshold."""
        return self.score if self.calibration is None else self.probability

    @property
    def band(self) -> str:
        """``high`` at or above the threshold, ``low`` below it, ``unknown`` without a value: for searches by equality."""
        if self.value is None:
            return "unknown"
        return "high" if self.value >= self.threshold else "low"


class Verdict(StrEnum):
    """What becomes of an answer."""

    ACCEPT = "accept"
    ESCALATE = "escalate"
    ABSTAIN = "abstain"  # not good enough, and no rung above


class Reason(StrEnum):
    """Why, from a closed list: a metric label and a search term."""

    CONFIDENT = "confident"
    LOW_CONFIDENCE = "low_confidence"
    UNKNOWN_CONFIDENCE = "unknown_confidence"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    REFUSED = "refused"
    INVALID_JSON = "invalid_json"
    INVALID_TOOL_CALL = "invalid_tool_call"
    LANGUAGE_MISMATCH = "language_mismatch"
    ERROR = "error"
    TIMEOUT = "timeout"
    LAST_RUNG = "last_rung"
    NOT_JUDGED = "not_judged"
    DIRECT = "direct"
    VOTE = "vote"  # how one answer of an ensemble was picked
    LONGEST = "longest"
    JUDGE = "judge"
    KEPT_EARLIER = "kept_earlier"  # a later rung failed, so the best earlier answer is served
    CLIENT_GONE = "client_gone"
    CACHED = "cached"  # LiteLLM's response cache had the answer: no model was asked
    OVER_BUDGET = "over_budget"  # the policy's limits leave no escalation for an answer like this one
    RUNG_OPEN = "rung_open"  # the rungs above are ill, so this answer was kept
    NO_ACCESS = "no_access"  # the caller's key may call no alias that was chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict with its reason and the confidence behind it. ``degraded`` names what could not be judged."""

    verdict: Verdict
    reason: Reason
    confidence: Confidence | None = None
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Consultation:
    """How sure a rung's model said it was when it was asked again. ``score`` lies in 0..1; None: it did not say, or not in time."""

    kind: str  # self_check | agreement
    score: float | None = None
    calls: int = 1
    usage: Usage | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One rung that was asked, as it ended. ``usage`` and ``cost_usd`` are those of its answer and its consultations together.

    Times in milliseconds; None where nothing was held back, or nothing collapsed.
    """

    rung: int
    alias: str
    judgement: Judgement | None = None
    error: str | None = None  # the exception's class name, never its message
    usage: Usage | None = None
    cost_usd: float | None = None
    dropped: tuple[str, ...] = ()  # parameters of the request that the alias's deployments refuse
    consultations: tuple[Consultation, ...] = ()
    served: bool = False
    spare: bool = False  # asked beside another and not for want of a better answer: a hedge nobody needed, the members of an ensemble
    hold_ms: float | None = None  # how long the first text of a stream was held back for its verdict
    late_regret: float | None = None  # the lowest score of what followed the release, where that fell below the threshold


CHOOSY_BELOW = 0.5
"""What must be left of a budget for every escalation to be granted; below it, the least confident go first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLeft:
    """What one limit still allowed when it was last asked for a request. ``remaining_ratio``: 1 is all of it, 0 nothing."""

    limit: str
    remaining_ratio: float
    shared: bool = False  # whether other processes' consumption is in it

    @property
    def band(self) -> str:
        """``within``; ``short`` when not every escalation is granted; ``over`` when none is."""
        if self.remaining_ratio <= 0:
            return "over"
        return "within" if self.remaining_ratio >= CHOOSY_BELOW else "short"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a request ended: who answered, what was tried, and why.

    ``abstained``: why what is served is not good enough by the gate's ``abstain``, or what is withheld; None where it is, or has none.
    """

    alias: str | None
    reason: Reason
    abstained: Reason | None = None
    attempts: tuple[Attempt, ...] = ()
    degraded: tuple[str, ...] = ()
    budgets: tuple[BudgetLeft, ...] = ()
    first_token_ms: float | None = None  # of a stream: from the first call to when its first text could be shown

    @property
    def escalated(self) -> bool:
        """True when more than one rung was asked, one for want of a better answer from the other."""
        return sum(not attempt.spare for attempt in self.attempts) > 1

    @property
    def wasted(self) -> tuple[Attempt, ...]:
        """The attempts whose answers nobody saw."""
        return tuple(attempt for attempt in self.attempts if not attempt.served)

    @property
    def verdict(self) -> Verdict | None:
        """Abstain, or accept when an answer is served without reservation; None when nobody answered."""
        if self.abstained is not None:
            return Verdict.ABSTAIN
        return Verdict.ACCEPT if self.alias is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasFacts:
    """What was known of an alias when a request was decided: of the policy, else of LiteLLM. None: nobody says."""

    input_usd_per_million: float | None = None
    output_usd_per_million: float | None = None
    context_tokens: int | None = None
    modalities: frozenset[str] | None = None
    tools: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a decision rests on besides its evidence, so that it can be made again; and who was asked what, as a hash."""

    seed: int = 0
    aliases: Mapping[str, AliasFacts] = field(default_factory=dict)  # of the pool
    smallest: str | None = None  # the pool's aliases of the lowest and the highest tier
    largest: str | None = None
    input_hash: str | None = None  # HMAC-SHA256 of the conversation, 64 hexadecimal digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a request cost, and what its answer would have cost from the smallest and from the largest alias alone. USD; None: unknown."""

    actual_usd: float | None = None
    all_small_usd: float | None = None
    all_large_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """What is told to the operator about one request, without a word of its text."""

    plan: Plan
    outcome: Outcome
    basis: Basis = Basis()
    costs: Costs = Costs()
    took_ms: float = 0.0
    trace_id: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """What was said, for the decision record alone, of requests whose policy asks for that. ``answers`` by rung."""

    turns: tuple[Turn, ...] = ()
    answers: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The place of a record in its chain: its own hash and the one before it, 64 hexadecimal digits each."""

    hash: str
    previous: str


# --- what the caller says of it ----------------------------------------------------------------------------------------------------


class Opinion(StrEnum):
    """What a caller says an answer came to."""

    RIGHT = "right"
    WRONG = "wrong"
    INCOMPLETE = "incomplete"
    UNHELPFUL = "unhelpful"
    HARMFUL = "harmful"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What is remembered of an answer for as long as its caller may say what it was worth. No word of it."""

    request_id: str
    trace_id: str | None = None  # 32 hexadecimal digits
    span_id: str | None = None  # of the span cascade.route; 16 hexadecimal digits
    key_hash: str | None = None
    policy: str
    digest: str
    band: Band
    alias: str | None = None  # that answered
    task: str = "Unknown"
    score_name: str | None = None  # None: the answer was not judged
    score: float | None = None
    probability: float | None = None
    of_beginning: bool = False  # only the first tokens of a stream were judged
    at: float  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What a caller says of one of its answers. ``rating``: -1 (useless) to 1 (just right); None: not said."""

    answer: Answered
    rating: float | None = None
    outcome: Opinion | None = None
    label: str | None = None

    @property
    def verdict(self) -> str:
        """The outcome; where only a rating was given ``up``, ``down`` or ``neutral``."""
        if self.outcome is not None:
            return self.outcome.value
        return "neutral" if not self.rating else "up" if self.rating > 0 else "down"

    @property
    def correct(self) -> bool | None:
        """Whether the answer was right, as far as that was said. An outcome says more than a rating; None: neither says it."""
        if self.outcome is not None:
            return self.outcome is Opinion.RIGHT
        return self.rating > 0 if self.rating else None
