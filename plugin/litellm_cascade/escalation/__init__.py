"""4. Was the answer good enough? Pure judging, one state machine for whole answers and streams."""

from litellm_cascade.escalation.allowance import Allowance, Refusal, RequestAllowance, Unlimited
from litellm_cascade.escalation.budget import Budget
from litellm_cascade.escalation.budgets import Budgets, ScopeKey
from litellm_cascade.escalation.confidence import SCORES, measure
from litellm_cascade.escalation.judging import judge
from litellm_cascade.escalation.run import Ask, CascadeRun, Fail, Serve, Step
from litellm_cascade.escalation.streaming import AnswerStream, Piece, StreamedCascade, StreamUpstream
from litellm_cascade.escalation.whole import Answer, WholeUpstream, settle_whole

__all__ = [
    "SCORES",
    "Allowance",
    "Answer",
    "AnswerStream",
    "Ask",
    "Budget",
    "Budgets",
    "CascadeRun",
    "Fail",
    "Piece",
    "Refusal",
    "RequestAllowance",
    "ScopeKey",
    "Serve",
    "Step",
    "StreamUpstream",
    "StreamedCascade",
    "Unlimited",
    "WholeUpstream",
    "judge",
    "measure",
    "settle_whole",
]
