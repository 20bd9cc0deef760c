"""A report as blocks of a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from litellm_cascade.offline.counting import counted
from litellm_cascade.offline.pages import Block, Grid, Heading, Paragraph, Plot
from litellm_cascade.offline.reporting.changes import Kept, changes_of, kept_of
from litellm_cascade.offline.reporting.figures import Escalations, Gathered, Interval, quantiles
from litellm_cascade.offline.traffic.drifting import MUCH, SHOWN, Drift, drifts_of
from litellm_cascade.offline.traffic.profile import Profile

UNKNOWN = "not known"
MOST_DEGRADED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the figures come from. ``started``: when a proxy began to write, and the versions it had: its price table is of that moment."""

    traces: str
    data: str
    command: str
    version: str
    started: Sequence[tuple[str, str]]
    seed: int
    draws: int


def blocks_of(gathered: Gathered, before: Kept | None, origin: Origin) -> list[Block]:
    """The whole report."""
    sections = (
        _summary(gathered),
        _savings(gathered, origin),
        _quality(gathered),
        _mix(gathered),
        _escalations(gathered.escalations),
        _latency(gathered),
        _since(gathered, before, origin),
        _trouble(gathered),
        _origin(gathered, origin),
    )
    return [block for section in sections for block in section]


def _summary(gathered: Gathered) -> Iterator[Block]:
    savings, quality = gathered.savings(), gathered.quality()
    yield Paragraph(
        f"{counted(gathered.n, 'request')} from {_moment(gathered.first)} to {_moment(gathered.last)}. "
        f"Against asking the largest model every time, {_share(savings)} of the cost was saved. "
        f"Of the answers that callers rated, {_share(quality)} were right."
    )


def _savings(gathered: Gathered, origin: Origin) -> Iterator[Block]:
    yield Heading("Savings")
    savings = gathered.savings()
    if savings is None:
        yield Paragraph(
            "Not known: no request has both its own cost and that of the largest model. Prices come from LiteLLM's table or the policy."
        )
    else:
        actual, large = gathered.total("actual_usd"), gathered.total("large_usd")
        yield Paragraph(
            f"{actual:,.4g} USD were spent. The largest model alone would have cost {large:,.4g} USD for the same answers: "
            f"{_share(savings)} saved, over {savings.n:,} of {gathered.n:,} requests whose costs are known."
        )
    rows = [
        (
            alias,
            _usd(one.facts.input_usd_per_million),
            _usd(one.facts.output_usd_per_million),
            f"{_moment(one.since)}{', changed then' * one.changed}",
        )
        for alias, one in sorted(gathered.prices.items())
    ]
    if rows:
        yield Grid(("model", "USD per million input tokens", "USD per million output tokens", "in the record since"), rows)
    for at, versions in origin.started[-1:]:
        read = f"Price table: as the proxy read it when it started on {_moment(at)} ({versions})"
        yield Paragraph(f"{read}; where the policy has a price of its own, that counts.")


def _quality(gathered: Gathered) -> Iterator[Block]:
    yield Heading("Quality")
    whole = gathered.quality()
    if whole is None:
        yield Paragraph("Not known: no caller has rated an answer (POST /cascade/feedback).")
        return
    yield Paragraph(
        f"{whole.n:,} of {gathered.n:,} answers were rated ({whole.n / gathered.n:.1%}). Callers rate what they choose to, so this is no "
        "sample of all answers."
    )
    rows = [("all", whole), *((branch, gathered.quality(branch)) for branch in gathered.branches)]
    yield Grid(("way", "rated", "right"), [(way, f"{one.n:,}", _share(one)) for way, one in rows if one is not None])


def _mix(gathered: Gathered) -> Iterator[Block]:
    yield Heading("Who answers")
    whole = sum(gathered.cost_by_alias.values())
    rows = [
        (alias, f"{gathered.served[alias]:,}", f"{gathered.served[alias] / gathered.n:.1%}", _part(gathered.cost_by_alias[alias], whole))
        for alias in gathered.paid
    ]
    yield Grid(("model", "requests", "share of requests", "share of cost"), rows)
    yield Plot(_bars(gathered), "The share of requests and of cost of each model")


def _escalations(counts: Escalations) -> Iterator[Block]:
    yield Heading("Escalations")
    if not counts.cascaded:
        yield Paragraph("No request was cascaded.")
        return
    share = counts.escalated / counts.cascaded
    yield Paragraph(f"{counts.escalated:,} of {counts.cascaded:,} cascaded requests went on to a larger model ({share:.1%}).")
    rows = [
        ("rescued", "the draft was wrong, the larger model's answer right", _rescued(counts)),
        ("wasted", "the draft was right already", _wasted(counts)),
        ("missed", "an accepted answer was wrong", _missed(counts)),
    ]
    yield Grid(("escalations", "that is", "share"), rows)
    yield Paragraph(
        "Drafts that were never shown are nowhere rated: how often they were right is what the calibration says. Right and wrong are the "
        "callers' ratings."
    )


def _latency(gathered: Gathered) -> Iterator[Block]:
    yield Heading("Waiting")
    parts = (("first token of streams", gathered.first_token_ms), ("whole answers", gathered.took_ms))
    rows = [
        (what, branch, f"{len(values):,}", *(f"{value:,.0f}" for value in quantiles(values)))
        for what, by_branch in parts
        for branch, values in sorted(by_branch.items())
    ]
    if rows:
        yield Grid(("what", "way", "requests", "p50 ms", "p95 ms"), rows)
    else:
        yield Paragraph("Not known.")


def _since(gathered: Gathered, before: Kept | None, origin: Origin) -> Iterator[Block]:
    yield Heading("Since the last report")
    if before is None:
        yield Paragraph("There is none beside this page. The next one will be held against this.")
        return
    yield Paragraph(f"The last one covers {_moment(before.first)} to {_moment(before.last)}.")
    yield Grid(("", "then", "now", "change"), [*changes_of(before, kept_of(gathered))])
    drifts = drifts_of(Profile.read(before.profile), gathered.profile, draws=origin.draws, seed=origin.seed)
    rows = [(one.name, _psi(one), "" if one.by_chance is None else f"{one.by_chance:.3f}", _moved(one)) for one in drifts]
    yield Paragraph("Whether the traffic is another: population stability index; below 0.1 it is not, above 0.2 calibrate and tune again.")
    yield Grid(("part", "index", "by chance up to", "moved most"), rows)


def _trouble(gathered: Gathered) -> Iterator[Block]:
    if gathered.degraded:
        yield Heading("What did not work")
        rows = [(name, f"{count:,}", f"{count / gathered.n:.1%}") for name, count in gathered.degraded.most_common(MOST_DEGRADED)]
        yield Grid(("fallback", "requests", "share"), rows)


def _origin(gathered: Gathered, origin: Origin) -> Iterator[Block]:
    yield Heading("Where this comes from")
    policies = "; ".join(f"{name} ({count / gathered.n:.1%})" for name, count in gathered.policies.most_common(MOST_DEGRADED))
    yield Paragraph(
        f"Decision record {origin.traces}, {origin.data[:19]}; policies {policies}; litellm-cascade {origin.version}; {origin.command}. "
        f"Intervals are 95 %, by bootstrap over requests ({origin.draws} draws, seed {origin.seed}); of quality at least Wilson's."
    )


def _part(spent: float, whole: float) -> str:
    return f"{spent / whole:.1%}" if whole else UNKNOWN


def _rescued(counts: Escalations) -> str:
    if counts.rescued_of:
        return f"{counts.rescued / counts.rescued_of:.1%} of {counts.rescued_of:,} that are rated"
    if counts.rated_escalated:
        return f"at most {counts.right_escalated / counts.rated_escalated:.1%} of {counts.rated_escalated:,} that are rated"
    return UNKNOWN


def _wasted(counts: Escalations) -> str:
    return (
        f"{counts.wasted / counts.drafts_known:.1%} of {counts.drafts_known:,}"
        if counts.drafts_known
        else f"{UNKNOWN} without a calibration of being right"
    )


def _missed(counts: Escalations) -> str:
    return f"{counts.missed / counts.rated_accepted:.1%} of {counts.rated_accepted:,} that are rated" if counts.rated_accepted else UNKNOWN


def _psi(one: Drift) -> str:
    if one.psi is None or one.low is None or one.high is None:
        return "too few requests"
    return f"{one.psi:.3f} [{one.low:.3f}, {one.high:.3f}]{' moved' if one.psi > max(MUCH, one.by_chance or 0) else ''}"


def _moved(one: Drift) -> str:
    return "; ".join(f"{bin_.name} {bin_.reference:.1%} -> {bin_.now:.1%}" for bin_ in one.moved_most[:2] if bin_.adds > SHOWN)


def _share(one: Interval | None) -> str:
    return UNKNOWN if one is None else f"{one.value:.1%} [{one.low:.1%}, {one.high:.1%}]"


def _usd(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:g}"


def _moment(at: str) -> str:
    return at[:16].replace("T", " ") + " UTC" if at else "an unknown time"


def _bars(gathered: Gathered) -> Any:
    import plotly.graph_objects as plots  # noqa: PLC0415 - the extra lab

    aliases, whole = gathered.paid, sum(gathered.cost_by_alias.values())
    figure = plots.Figure()
    figure.add_bar(name="share of requests", x=aliases, y=[gathered.served[alias] / gathered.n for alias in aliases])
    if whole:
        figure.add_bar(name="share of cost", x=aliases, y=[gathered.cost_by_alias[alias] / whole for alias in aliases])
    figure.update_layout(barmode="group", yaxis_tickformat=".0%", height=360)
    return figure
