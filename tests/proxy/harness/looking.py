"""What a request left behind: its bills, its spans; and a client that leaves."""

from contextlib import suppress

import httpx
import pytest
from harness.configs import PRICES


def bills(spend, call, trace, count):
    """The rows of one request: ``{alias: cost}`` of the rungs, and the virtual model's own row."""
    rows = spend.wait_rows(count, trace=trace.trace_id)
    own = [row for row in rows if row["internal_call_origin"] is None]
    rungs = [row for row in rows if row["internal_call_origin"] == "cascade_attempt"]
    return {row["standard_logging_object"]["model_group"]: row for row in rungs}, own


def cost(alias, tokens_in, tokens_out):
    return pytest.approx(PRICES[alias] * (tokens_in + tokens_out))


def attempts(collector, trace):
    """The attempt spans of the trace, by alias, once the route span has ended."""
    spans = collector.wait_for_trace(trace.trace_id, "cascade.route")
    (route,) = [span for span in spans if span.name == "cascade.route"]
    return route, {span.attributes["cascade.alias"]: span for span in collector.children(route) if span.name.startswith("cascade.attempt")}


def left_behind(spend, collector, trace, *, paid, tried):
    """One bill for each of the rungs that are ``paid`` and none for the virtual model, and a span for each that was ``tried``, in order.

    The route's span and the attempts by alias, as ``attempts`` has them.
    """

    def costs(rows):
        logged = [row["standard_logging_object"] for row in rows]
        return sorted(row["model_group"] for row in logged if row.get("response_cost"))

    wanted = f"bills of {sorted(paid)} and a row of the virtual model"
    spend.wait_until(
        lambda rows: costs(rows) == sorted(paid) and any(row["internal_call_origin"] is None for row in rows),
        wanted=wanted,
        trace=trace.trace_id,
    )
    route, spans = attempts(collector, trace)
    assert sorted(spans, key=lambda alias: spans[alias].attributes["cascade.rung"]) == list(tried)
    return route, spans


def leave_after_a_second(client, dialect, body, trace):
    """Hear the beginning, if it comes in time, and go."""
    with (
        suppress(httpx.TimeoutException),
        client.stream("POST", dialect.path, json=body, headers=trace.headers, timeout=1.0) as response,
    ):
        next(response.iter_text())
