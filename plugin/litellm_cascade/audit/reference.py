"""What every span, event and attribute means: the table in docs/audit.md, which ``make span-docs`` writes again.

A name that is exported and not here, or with a value of another type, fails the tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from litellm_cascade.audit import attributes as name
from litellm_cascade.vocabulary import Band, Endpoint, Opinion, Reason, Verdict

TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", tuple: "strings"}
PROBABILITY, HASH, USD, MS = "0..1", "64 hex digits", "US dollars", "milliseconds"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of one kind of span. ``values``: its unit or its range. ``type``: ``tuple`` stands for a list of strings."""

    name: str
    type: type
    values: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A kind of span, or of event on one. ``title`` is the name as it is exported, with what varies in angle brackets."""

    title: str
    kind: str
    meaning: str
    attributes: tuple[Attribute, ...]

    def documents(self, exported: str) -> bool:
        """True when ``exported`` is the name of such a span or event."""
        fixed, _, varies = self.title.partition("<")
        return exported.startswith(fixed) and len(exported) > len(fixed) if varies else exported == fixed


def _one_of(values: Iterable[StrEnum | str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


CONFIDENCE = (
    Attribute(name.SCORE_NAME, str, "", "which score the answer was judged by; of a route, the last that was judged"),
    Attribute(name.SCORE, float, "", "its value; absent when there was nothing to score"),
    Attribute(name.PROBABILITY, float, PROBABILITY, "that the answer is right, or no worse than the next rung's, by a calibration"),
    Attribute(name.CALIBRATION, str, "", "id of that calibration"),
    Attribute(name.THRESHOLD, float, "", "what the score, or with a calibration the probability, had to reach"),
    Attribute(name.CONFIDENCE_BAND, str, _one_of(("high", "low", "unknown")), "whether it did"),
    Attribute(name.CONFIDENCE_TOKENS, int, "tokens", "how many the score rests on"),
)
ROUTE = (
    Attribute(name.REQUEST_ID, str, "", "LiteLLM's id of the request (`x-litellm-call-id`)"),
    Attribute(name.ENDPOINT, str, _one_of(Endpoint), "the route that the client called"),
    Attribute(name.REQUESTED_MODEL, str, "", "the virtual model"),
    Attribute(name.STREAM, bool, "", "the client asked for a stream"),
    Attribute(name.KEY_HASH, str, "", "LiteLLM's hash of the caller's key"),
    Attribute(name.TEAM, str, "", "id of the caller's team"),
    Attribute(name.INPUT_HASH, str, HASH, "keyed hash of the conversation"),
    Attribute(name.INPUT_TOKENS_ESTIMATED, int, "tokens", "length of the conversation, estimated before the call"),
    Attribute(name.LANGUAGE, str, "ISO 639-1, `unknown`", "language of the prompt"),
    Attribute(name.TASK, str, "", "kind of task that the classifier saw"),
    Attribute(name.COMPLEXITY, float, PROBABILITY, "how hard the classifier thought it"),
    Attribute(name.POLICY, str, "", "name of the policy that decided"),
    Attribute(name.POLICY_DIGEST, str, "`sha256:` and hex digits", "the exact version of that policy"),
    Attribute(name.ROUTE, str, "", "the policy's route that took the request"),
    Attribute(name.BAND, str, _one_of(Band), "how it was to be answered"),
    Attribute(name.LADDER, tuple, "aliases", "who was to be asked, in this order"),
    Attribute(name.REASONS, tuple, "", "why that route and that ladder"),
    Attribute(name.ALTERNATIVES, tuple, "aliases", "who could have been asked too"),
    Attribute(name.PROPENSITY, float, PROBABILITY, "probability with which chance fell on this ladder"),
    Attribute(name.DECISION_CONFIDENCE, float, PROBABILITY, "how clear the choice was; 1 for a rule"),
    Attribute(name.HEDGE, bool, "`true`", "the rungs were to be asked at once"),
    Attribute(name.ENSEMBLE_BY, str, _one_of(("vote", "longest", "judge")), "how an ensemble picks"),
    Attribute(name.ESTIMATED_COST_USD, float, USD, "expected of the alias that is asked first, alone"),
    Attribute(name.ESTIMATED_LATENCY_MS, float, MS, "likewise"),
    Attribute(name.ESTIMATED_QUALITY, float, PROBABILITY, "likewise: how often it is right"),
    Attribute(name.SESSION_ALIAS, str, "", "alias that answered this conversation last"),
    Attribute(name.SESSION_TURNS, int, "requests", "how many of this conversation were answered before"),
    Attribute(name.SESSION_BOUND_TO, str, "", "alias that had to answer, because it made the tool call"),
    Attribute(name.FINAL_ALIAS, str, "", "who answered; absent when nobody did"),
    Attribute(name.ESCALATED, bool, "", "another alias was asked for want of a better answer"),
    Attribute(name.REASON, str, _one_of(Reason), "why it ended as it did"),
    Attribute(name.VERDICT, str, _one_of((Verdict.ACCEPT, Verdict.ABSTAIN)), "whether the answer is in doubt; absent when nobody answered"),
    Attribute(name.ABSTAINED, str, "as `cascade.reason`", "why it is in doubt"),
    Attribute(name.CACHED, bool, "", "the answer came from LiteLLM's response cache"),
    Attribute(name.ATTEMPTS, int, "calls", "how many aliases were asked"),
    Attribute(name.DEGRADED, tuple, "", "whatever was not as it should be"),
    Attribute(name.FIRST_TOKEN_MS, float, MS, "of a stream: from the first call to the first text that could be shown"),
    Attribute(name.DISCARDED_TOKENS, int, "tokens", "written by aliases whose answers nobody saw"),
    Attribute(name.ACTUAL_COST_USD, float, USD, "what all of it cost, with what the classifier asked"),
    Attribute(name.ALL_SMALL_COST_USD, float, USD, "what the served answer's tokens would have cost from the smallest alias alone"),
    Attribute(name.ALL_LARGE_COST_USD, float, USD, "likewise from the largest"),
    Attribute(name.PRICE_TABLE, str, "", "which prices those are: a hash over the policy's aliases and theirs, to compare with another's"),
    *CONFIDENCE,
    Attribute(name.BUDGET, str, _one_of(("within", "short", "over")), "state of the limit with the least left"),
    Attribute(name.BUDGET_REMAINING, float, PROBABILITY, "what that limit has left"),
    Attribute(name.BUDGET_LIMIT, str, "", "which limit that is"),
    Attribute(name.BUDGET_SHARED, bool, "", "other processes' consumption is in it"),
    Attribute(name.RECORD_HASH, str, HASH, "the request's line in the decision record"),
    Attribute(name.RECORD_PREVIOUS_HASH, str, HASH, "the line before"),
)
DIMENSIONS = tuple(
    Attribute(key, float, "0..5" if dimension == "number_of_few_shots" else PROBABILITY, "a part of that; absent where it tells none")
    for dimension, key in name.DIMENSIONS.items()
)
CLASSIFY = (
    Attribute(name.CLASSIFIER, str, "", "name of the classifier"),
    Attribute(name.CLASSIFIER_DIGEST, str, "", "digest of its weights"),
    Attribute(name.CLASSIFIER_DEVICE, str, "", "where it ran"),
    Attribute(name.CLASSIFIER_MS, float, MS, "how long it computed"),
    Attribute(name.TASK, str, "", "kind of task"),
    Attribute(name.TASK_PROBABILITY, float, PROBABILITY, "how sure it was of that"),
    Attribute(name.DOMAIN, str, "", "what it is about; absent where the classifier does not tell"),
    Attribute(name.LABEL, str, "", "the likeliest of the classifier's own labels; absent where it has none"),
    Attribute(name.COMPLEXITY, float, PROBABILITY, "how hard"),
    *DIMENSIONS,
    Attribute(name.SMALL_COPES, float, PROBABILITY, "that a small model is right, where the classifier knows"),
    Attribute(name.GAIN, float, "-1..1", "how much more probable that is for a strong one, where the classifier knows"),
    Attribute(name.TRUNCATED, bool, "", "it read only a part of the prompt"),
    Attribute(name.CLASSIFICATION_CACHED, bool, "", "remembered from an equal prompt"),
    Attribute(name.DEGRADED, tuple, "", "what went wrong"),
    Attribute(name.CONSULT_CALLS, int, "calls", "how many deployments answered it; this and what follows only where it asks them"),
    Attribute(name.GEN_AI_INPUT_TOKENS, int, "tokens", "read for these answers"),
    Attribute(name.GEN_AI_OUTPUT_TOKENS, int, "tokens", "written in them"),
    Attribute(name.COST_USD, float, USD, "what they cost"),
)
CALL = (
    Attribute(name.GEN_AI_OPERATION, str, "`chat`", "OpenTelemetry's name for this kind of call"),
    Attribute(name.GEN_AI_REQUEST_MODEL, str, "", "the alias that was asked"),
    Attribute(name.GEN_AI_INPUT_TOKENS, int, "tokens", "read"),
    Attribute(name.GEN_AI_OUTPUT_TOKENS, int, "tokens", "written"),
    Attribute(name.ALIAS, str, "", "the alias that was asked"),
    Attribute(name.RUNG, int, "from 0", "its place on the ladder"),
    Attribute(name.COST_USD, float, USD, "what it cost; of an attempt with its consultations"),
)
ATTEMPT = (
    *CALL,
    *CONFIDENCE,
    Attribute(name.GEN_AI_PROVIDER, str, "", "provider, as LiteLLM names it; of cascades and ensembles"),
    Attribute(name.GEN_AI_RESPONSE_MODEL, str, "", "model that the answer names; of whole answers in cascades and ensembles"),
    Attribute(name.SERVED, bool, "", "the client got this answer"),
    Attribute(name.SPARE, bool, "`true`", "asked beside another: a hedge that was not needed, a member of an ensemble"),
    Attribute(name.DECISION, str, _one_of(Verdict), "what became of the answer"),
    Attribute(name.REASON, str, "as on the route span", "why"),
    Attribute(name.HOLD_MS, float, MS, "how long a stream was held back for its verdict"),
    Attribute(name.LATE_REGRET, bool, "`true`", "after its release the score of a stream fell below the threshold"),
    Attribute(name.LATE_REGRET_SCORE, float, "", "how low"),
    Attribute(
        name.DROPPED,
        tuple,
        "",
        "parameters that the alias refuses: left out, or a limit on the answer lowered to what it can write",
    ),
)
CONSULT = (*CALL, *CONFIDENCE[:2], Attribute(name.CONSULT_CALLS, int, "calls", "how often the model was asked"))
FEEDBACK = (
    Attribute(
        name.FEEDBACK_OUTCOME, str, _one_of((*Opinion, "up", "down", "neutral")), "what the caller said; else by the sign of the rating"
    ),
    Attribute(name.FEEDBACK_RATING, float, "-1..1", "how good"),
    Attribute(name.FEEDBACK_LABEL, str, "", "the caller's own word for it"),
    Attribute(name.REQUEST_ID, str, "", "of the request that was answered"),
    Attribute(name.KEY_HASH, str, "", "LiteLLM's hash of the key that asked, and speaks"),
    Attribute(name.POLICY, str, "", "name of the policy that decided"),
    Attribute(name.POLICY_DIGEST, str, "`sha256:` and hex digits", "the exact version of that policy"),
    Attribute(name.BAND, str, _one_of(Band), "how it was answered"),
    Attribute(name.FINAL_ALIAS, str, "", "who answered"),
    Attribute(name.TASK, str, "", "kind of task"),
    Attribute(name.SCORE_NAME, str, "", "which score the answer was judged by"),
    Attribute(name.SCORE, float, "", "its value"),
    Attribute(name.PROBABILITY, float, PROBABILITY, "that the answer was right, or no worse than the next rung's, by a calibration"),
    Attribute(name.RECORD_HASH, str, HASH, "the feedback's line in the decision record"),
)
EVALUATION = (
    Attribute(name.GEN_AI_EVALUATION_NAME, str, "", "which score"),
    Attribute(name.GEN_AI_EVALUATION_SCORE, float, "", "its value; absent when there was nothing to score"),
    Attribute(name.GEN_AI_EVALUATION_LABEL, str, _one_of(("high", "low", "unknown")), "the same as `cascade.confidence.band`"),
)
SPANS = (
    Group(
        title=name.ROUTE_SPAN, kind="INTERNAL", meaning="One request to a virtual model, an error when nobody answered.", attributes=ROUTE
    ),
    Group(
        title=name.CLASSIFY_SPAN, kind="INTERNAL", meaning="The classifier, an error when it failed or was too late.", attributes=CLASSIFY
    ),
    Group(
        title=f"{name.ATTEMPT_SPAN} <alias>",
        kind="CLIENT",
        meaning="One alias asked, linked to the attempt it replaces. Ends when the answer is whole or given up; an error when it failed.",
        attributes=ATTEMPT,
    ),
    Group(
        title=f"{name.CONSULT_SPAN} <self_check or agreement>",
        kind="CLIENT",
        meaning="Below an attempt: its model is asked how sure it is. An error when it does not say.",
        attributes=CONSULT,
    ),
    Group(
        title=name.FEEDBACK_SPAN,
        kind="INTERNAL",
        meaning="What a caller said of an answer. A trace of its own, linked to the request's route span.",
        attributes=FEEDBACK,
    ),
)
EVENTS = (
    Group(
        title=name.EVALUATION_EVENT,
        kind="Event",
        meaning="On an attempt whose confidence was looked at, in the form of OpenTelemetry's GenAI conventions.",
        attributes=EVALUATION,
    ),
)


def as_markdown() -> str:
    """The reference: a heading and a table for each kind of span and event."""
    return "\n\n".join("\n".join(_section(group)) for group in (*SPANS, *EVENTS))


def _section(group: Group) -> Iterator[str]:
    yield f"#### `{group.title}`"
    yield ""
    yield f"{group.kind}. {group.meaning}"
    yield ""
    yield "| attribute | type | values | meaning |"
    yield "| --- | --- | --- | --- |"
    for row in group.attributes:
        yield f"| `{row.name}` | {TYPES[row.type]} | {row.values} | {row.meaning} |"
