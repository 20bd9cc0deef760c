"""Evidence of three sorts on which every condition must work before a policy is accepted."""

from __future__ import annotations

from litellm_cascade.policy.variables import TASKS
from litellm_cascade.vocabulary import DIMENSIONS, UNCLASSIFIED, Caller, Classification, Endpoint, Envelope, Evidence, Session, Signals

UNKNOWN = Evidence(
    envelope=Envelope(request_id="", endpoint=Endpoint.CHAT, requested_model="auto", policy=""),
    classification=UNCLASSIFIED,
)
"""A request of which little is known."""

EMPTY = Evidence(
    envelope=Envelope(request_id="", endpoint=Endpoint.OTHER, requested_model="", policy=""),
    signals=Signals(modalities=()),
    classification=Classification(task="", complexity=0.0),
)
"""A request without anything: every list empty, every number zero."""

FULL = Evidence(
    envelope=Envelope(request_id="", endpoint=Endpoint.RESPONSES, requested_model="auto", policy="", stream=True),
    caller=Caller(
        key_alias="key", team="team", user="user", end_user="end user", tier="gold", tags=("first", "second"), budget_left_usd=100.0
    ),
    signals=Signals(
        input_tokens=1_000_000,
        turns=40,
        turn=18,
        modalities=("text", "image", "pdf"),
        attachments=3,
        mime_types=("application/pdf", "image/png"),
        markup=("xml", "json", "code", "sql"),
        tools=9,
        tool_results=9,
        continues_tool_call=True,
        response_format="json_schema",
        temperature=1.0,
        language="en",
        max_output_tokens=100_000,
        predicted_output_tokens=4_096,
        choices=4,
        quality_requirement="high",
        urgency="high",
        latency_budget_ms=60_000.0,
    ),
    classification=Classification(
        task="Code Generation",
        task_probability=1.0,
        task_probabilities=dict.fromkeys(TASKS, 1.0),
        domain="domain",
        label="label",
        labels={"label": 1.0},
        complexity=1.0,
        dimensions=dict.fromkeys(DIMENSIONS, 1.0),
        chances={"large": 1.0},
        small_copes=1.0,
        gain=1.0,
        classifier="sample",
        truncated=True,
        degraded=("late",),
    ),
    session=Session(alias="large", turns=17, bound_to="large"),
)
"""A request with everything."""

SAMPLES = (UNKNOWN, EMPTY, FULL)
