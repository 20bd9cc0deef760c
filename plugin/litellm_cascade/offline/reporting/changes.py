"""What a report keeps beside itself, so that the next one can say what changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.reporting.figures import Gathered, quantiles
from litellm_cascade.offline.traffic.profile import Profile

FORMAT = 1
ENDING = ".state.json"


class Kept(BaseModel):
    """Of one report. None: not known. ``figures`` in the order and the words of the page; shares lie in 0..1."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    format: int = FORMAT
    first: str
    last: str
    requests: int
    shares: Mapping[str, float | None]
    milliseconds: Mapping[str, float | None]
    usd: Mapping[str, float | None]
    profile: Mapping[str, Any]


def kept_of(gathered: Gathered) -> Kept:
    """What the next report is to be held against."""
    savings, quality = gathered.savings(), gathered.quality()
    cascaded = gathered.escalations.cascaded
    mix = {f"answered by {alias}": count / gathered.n for alias, count in sorted(gathered.served.items())}
    shares = {
        "savings against always the largest": savings.value if savings is not None else None,
        "rated answers that are right": quality.value if quality is not None else None,
        "cascades that escalated": gathered.escalations.escalated / cascaded if cascaded else None,
        **mix,
    }
    first_token = {f"first token, {branch}, p50": quantiles(values)[0] for branch, values in sorted(gathered.first_token_ms.items())}
    cost = gathered.total("actual_usd") / gathered.total("priced") if gathered.total("priced") else None
    return Kept(
        first=gathered.first,
        last=gathered.last,
        requests=gathered.n,
        shares=shares,
        milliseconds=first_token,
        usd={"cost of a request": cost},
        profile=gathered.profile.as_json(),
    )


def state_beside(page: Path) -> Path:
    """Where a page's state is kept."""
    return page.with_name(f"{page.stem}{ENDING}")


def read_kept(file: Path) -> Kept | None:
    """What the last report left; None where there is none. Raises ConfigurationError for a file that is something else."""
    if not file.exists():
        return None
    try:
        kept = Kept.model_validate_json(file.read_bytes())
        Profile.read(kept.profile)
    except (OSError, ValidationError, KeyError, TypeError, ValueError, AttributeError):
        raise ConfigurationError([f"{file}: is not what a report keeps beside its page; remove it, or write the page elsewhere"]) from None
    if kept.format != FORMAT:
        raise ConfigurationError([f"{file}: has format {kept.format}, and this release reads {FORMAT}; remove it to begin anew"])
    return kept


def text_of(kept: Kept) -> str:
    """As it is written."""
    return json.dumps(kept.model_dump(), indent=1) + "\n"


def changes_of(before: Kept, now: Kept) -> Iterator[tuple[str, str, str, str]]:
    """What it is, then, now, and the difference, in words; one that is known on one side only has no difference."""
    yield "requests", f"{before.requests:,}", f"{now.requests:,}", f"{now.requests - before.requests:+,}"
    forms = (
        ("shares", "{:.1%}", "{:+.1f} points", 100.0),
        ("milliseconds", "{:.0f} ms", "{:+.0f} ms", 1.0),
        ("usd", "{:.3g} USD", "", 1.0),
    )
    for part, form, form_of_change, scale in forms:
        then, since = getattr(before, part), getattr(now, part)
        for name in dict.fromkeys([*since, *then]):
            old, new = then.get(name), since.get(name)
            if old is None and new is None:
                continue
            cells = ["" if value is None else form.format(value) for value in (old, new)]
            yield name, *cells, "" if old is None or new is None else _difference(old, new, form_of_change, scale)


def _difference(old: float, new: float, form: str, scale: float) -> str:
    if form:
        return form.format((new - old) * scale)
    return f"{new / old - 1:+.1%}" if old else ""
