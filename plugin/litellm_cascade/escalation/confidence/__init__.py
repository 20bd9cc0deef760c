"""Scores of an answer's tokens, and which of its tokens are scored."""

from litellm_cascade.escalation.confidence.parts import PARTS
from litellm_cascade.escalation.confidence.scores import SCORES, alternatives_for, features, measure

__all__ = ["PARTS", "SCORES", "alternatives_for", "features", "measure"]
