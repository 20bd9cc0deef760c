"""What RouteLLM has published of its own routers: Ong et al. 2024, arXiv 2406.18665, Mixtral-8x7B and GPT-4.

Facts to stand beside our figures, measured by others on all of the test questions, of which our data folders hold parts: near, not equal.
Each router was trained with the paper's augmentation for that benchmark. No interval was published.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SOURCE: Final = "Ong et al. 2024, arXiv 2406.18665; all of the benchmark's test questions"
PUBLISHED: Final[Mapping[str, Mapping[str, float]]] = {
    "routellm_mmlu": {
        "RouteLLM BERT (published)": 0.572,
        "RouteLLM matrix factorisation (published)": 0.597,
        "RouteLLM causal LLM (published)": 0.600,
        "RouteLLM similarity-weighted ranking (published)": 0.603,
    },
    "routellm_gsm8k": {"RouteLLM causal LLM, its best (published)": 0.622},
}
"""APGR by pair and router."""
