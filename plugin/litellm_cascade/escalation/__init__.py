"""4. Was the answer good enough? Pure judging, one state machine for whole answers and streams."""

from litellm_cascade.escalation import prompts
from litellm_cascade.escalation.agreement import agreement
from litellm_cascade.escalation.allowance import Allowance, Refusal, RequestAllowance, Unlimited
from litellm_cascade.escalation.asking_all import StreamedEnsemble, settle_ensemble
from litellm_cascade.escalation.budget import Budget
from litellm_cascade.escalation.budgets import Budgets, ScopeKey
from litellm_cascade.escalation.calibration import alternatives_needed, calibrated, feature, probability
from litellm_cascade.escalation.checks import CHECKS, Expectation
from litellm_cascade.escalation.climbing import StreamedCascade
from litellm_cascade.escalation.confidence import SCORES, alternatives_for, features, measure
from litellm_cascade.escalation.ensemble import EnsembleRun
from litellm_cascade.escalation.judging import judge
from litellm_cascade.escalation.overhearing import OverheardStreams, OverheardWhole
from litellm_cascade.escalation.record import Ask, Consult, Fail, Run, Serve
from litellm_cascade.escalation.run import CascadeRun, Step
from litellm_cascade.escalation.rung import AnswerStream, Piece, Said, StreamUpstream
from litellm_cascade.escalation.self_check import p_true
from litellm_cascade.escalation.streaming import StreamedAnswer
from litellm_cascade.escalation.tool_calls import ToolPiece
from litellm_cascade.escalation.whole import Answer, WholeUpstream, settle_whole

__all__ = [
    "CHECKS",
    "SCORES",
    "Allowance",
    "Answer",
    "AnswerStream",
    "Ask",
    "Budget",
    "Budgets",
    "CascadeRun",
    "Consult",
    "EnsembleRun",
    "Expectation",
    "Fail",
    "OverheardStreams",
    "OverheardWhole",
    "Piece",
    "Refusal",
    "RequestAllowance",
    "Run",
    "Said",
    "ScopeKey",
    "Serve",
    "Step",
    "StreamUpstream",
    "StreamedAnswer",
    "StreamedCascade",
    "StreamedEnsemble",
    "ToolPiece",
    "Unlimited",
    "WholeUpstream",
    "agreement",
    "alternatives_for",
    "alternatives_needed",
    "calibrated",
    "feature",
    "features",
    "judge",
    "measure",
    "p_true",
    "probability",
    "prompts",
    "settle_ensemble",
    "settle_whole",
]
