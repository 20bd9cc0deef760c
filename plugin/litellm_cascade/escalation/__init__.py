"""4. Was the answer good enough? Pure judging, one state machine for whole answers and streams."""

from litellm_cascade.escalation.calibration import LOG, calibrated, feature, probability
from litellm_cascade.escalation.checks import CHECKS, Expectation
from litellm_cascade.escalation.confidence import SCORES, features, measure
from litellm_cascade.escalation.judging import judge
from litellm_cascade.escalation.run import Ask, CascadeRun, Fail, Serve, Step
from litellm_cascade.escalation.streaming import AnswerStream, Piece, StreamedCascade, StreamUpstream
from litellm_cascade.escalation.tool_calls import ToolPiece
from litellm_cascade.escalation.whole import Answer, WholeUpstream, settle_whole

__all__ = [
    "CHECKS",
    "LOG",
    "SCORES",
    "Answer",
    "AnswerStream",
    "Ask",
    "CascadeRun",
    "Expectation",
    "Fail",
    "Piece",
    "Serve",
    "Step",
    "StreamUpstream",
    "StreamedCascade",
    "ToolPiece",
    "WholeUpstream",
    "calibrated",
    "feature",
    "features",
    "judge",
    "measure",
    "probability",
    "settle_whole",
]
