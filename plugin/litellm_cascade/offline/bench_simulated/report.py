"""Both benchmarks on simulated deployments: measured, as tables, and as pages. Every page and table says that it is simulated."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import Progress

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.bench_common.telling import share, table, tell
from litellm_cascade.offline.bench_simulated import plots, routed, scenarios
from litellm_cascade.offline.pages import Block, Grid, Heading, Paragraph, Plot, html, write_text
from litellm_cascade.offline.simulating.driving import Asked, Served, served_by
from litellm_cascade.offline.simulating.roles import LARGE, ROLES, role_answers
from litellm_cascade.offline.simulating.text_to_sql import SqlPrompt
from litellm_cascade.policy import Policy, load_policy

SIMULATED = "Simulated deployments: no model was called, and how often they are right is an assumption (docs/simulator.md)."
ROUTED_HEAD = ("method", "right", "dollars for 1,000", "saved", "latency ms, mean / p95", "second alias asked", "answered by")
SCENARIO_HEAD = ("strategy", "quality", "dollars for 1,000", "latency ms", "utility", "limits broken", "budget / standard / premium")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedResults:
    """Rows, and what the classifier found in the prompts of each band."""

    rows: Sequence[routed.Row]
    found: Mapping[str, Mapping[str, float]]


def measure_routed(
    policies: Sequence[Path], prompts: Sequence[SqlPrompt], progress: Progress, *, classifier: str, seed: int, draws: int
) -> RoutedResults:
    """Each policy, then what needs no router; random and prompt length ask the large model as often as the first policy."""
    answers = role_answers({prompt.text: prompt.band for prompt in prompts}, seed)
    asked = [Asked(id=f"{number}", text=prompt.text) for number, prompt in enumerate(prompts)]
    served: dict[str, Sequence[Served]] = {}
    for file in policies:
        policy = _of_roles(load_policy(file), file)
        tell(progress, policy.name)
        served[f"policy {policy.name}"] = asyncio.run(served_by(policy, asked, answers, classifier=classifier, seed=seed))
        tell(progress, policy.name, advance=1)
    first = next(iter(served.values()))
    share_large = float(np.mean([LARGE in one.asked for one in first]))
    dull = routed.dull(prompts, answers, share_large, seed)
    rows = [
        row
        for method, outcome in {**served, **dull}.items()
        for row in routed.rows_of(method, outcome, dull["always large"], prompts, seed=seed, draws=draws)
    ]
    return RoutedResults(rows=rows, found=_found(first, prompts))


def _of_roles(policy: Policy, file: Path) -> Policy:
    """Raises ConfigurationError for a policy that may ask an alias that is not simulated."""
    unknown = [alias for alias in policy.aliases if alias not in ROLES]
    if unknown:
        raise ConfigurationError([f"{file}: asks {unknown[0]!r}, and only {', '.join(ROLES)} are simulated; name its aliases so in a copy"])
    return policy


def _found(served: Sequence[Served], prompts: Sequence[SqlPrompt]) -> dict[str, dict[str, float]]:
    """The mean of each number that the classifier gives, by band."""
    found: dict[str, dict[str, float]] = {}
    for band in dict.fromkeys(prompt.band for prompt in prompts):
        members = [one for one, prompt in zip(served, prompts, strict=True) if prompt.band == band]
        names = dict.fromkeys(name for one in members for name in one.dimensions)
        numbers = {name: [min(one.dimensions.get(name, 0.0), 1.0) for one in members] for name in names}
        found[band] = {
            name: float(np.mean(values)) for name, values in {"complexity": [one.complexity for one in members], **numbers}.items()
        }
    return found


def measure_scenarios(progress: Progress, *, classifier: str, seed: int, draws: int) -> list[scenarios.Row]:
    """Every strategy in every scenario."""
    found, pool = scenarios.read_scenarios()
    rows: list[scenarios.Row] = []
    for scenario in found:
        answers = scenarios.pool_answers(scenario, pool, seed)
        served = {
            name: asyncio.run(served_by(policy, scenario.prompts, answers, classifier=classifier, seed=seed))
            for name, policy in scenarios.strategies(scenario, pool).items()
        }
        for method, aliases in scenarios.dull(scenario, pool, seed).items():
            served[method] = [routed.alone(prompt.text, alias, answers) for prompt, alias in zip(scenario.prompts, aliases, strict=True)]
        rows += [scenarios.row_of(scenario, method, outcome, pool, seed=seed, draws=draws) for method, outcome in served.items()]
        tell(progress, scenario.name, advance=1)
    return rows


def routed_tables(rows: Sequence[routed.Row]) -> str:
    """A table for all prompts and one for each band."""
    parts = [SIMULATED]
    for name in dict.fromkeys(row.set for row in rows):
        of_set = [row for row in rows if row.set == name]
        parts += [f"**{name}** ({of_set[0].n} prompts)", table(ROUTED_HEAD, map(_routed_cells, of_set))]
    return "\n\n".join(parts)


def scenario_tables(rows: Sequence[scenarios.Row]) -> str:
    """A table for each scenario."""
    parts = [SIMULATED]
    for name in dict.fromkeys(row.set for row in rows):
        of_set = [row for row in rows if row.set == name]
        parts += [f"**{name}** ({of_set[0].kind}, {of_set[0].n} prompts)", table(SCENARIO_HEAD, map(_scenario_cells, of_set))]
    return "\n\n".join(parts)


def _routed_cells(row: routed.Row) -> tuple[str, ...]:
    return (
        row.method,
        f"{row.accuracy:.1%} [{row.accuracy_low:.1%}, {row.accuracy_high:.1%}]",
        f"{1000 * row.cost_usd:.3f}",
        f"{row.savings:.1%} [{row.savings_low:.1%}, {row.savings_high:.1%}]",
        f"{row.latency_ms:.0f} / {row.latency_p95_ms:.0f}",
        share(row.escalated),
        ", ".join(f"{alias} {part:.0%}" for alias, part in row.mix.items() if part),
    )


def _scenario_cells(row: scenarios.Row) -> tuple[str, ...]:
    return (
        row.method,
        share(row.quality),
        f"{1000 * row.cost_usd:.3f}",
        f"{row.latency_ms:.0f}",
        f"{row.utility:.3f} [{row.utility_low:.3f}, {row.utility_high:.3f}]",
        share(row.violations),
        " / ".join(f"{part:.0%}" for part in row.tiers.values()),
    )


def write_routed_page(path: Path, results: RoutedResults, note: str) -> None:
    """Four panels, then every table."""
    write_text(path, html("Routed against always large, simulated", [Paragraph(SIMULATED), Paragraph(note), *_routed_blocks(results)]))


def write_scenario_page(path: Path, rows: Sequence[scenarios.Row], results: RoutedResults, note: str) -> None:
    """All six panels, then every table."""
    panels: list[Block] = [
        Plot(plots.violations(rows), "The share of requests whose limits were not kept, by strategy and kind"),
        Plot(plots.utility(rows), "Utility by strategy and kind of scenario"),
    ]
    tables: list[Block] = []
    for name in dict.fromkeys(row.set for row in rows):
        of_set = [row for row in rows if row.set == name]
        tables += [Heading(f"{name} ({of_set[0].kind})"), Grid(SCENARIO_HEAD, [_scenario_cells(row) for row in of_set])]
    blocks = [Paragraph(SIMULATED), Paragraph(note), *panels, *_routed_blocks(results), *tables]
    write_text(path, html("Constraint scenarios, simulated", blocks))


def _routed_blocks(results: RoutedResults) -> Iterator[Block]:
    of_all = [row for row in results.rows if row.set == routed.ALL]
    yield Heading("Text-to-SQL: the simulated small model, SQL specialist and large model")
    yield Plot(plots.bars(of_all), "Cost, latency and accuracy of each method against always large")
    yield Plot(plots.mix(of_all), "The share of requests that each alias answers")
    yield Plot(plots.radar(results.found), "What the classifier finds in the prompts of each band")
    yield Plot(plots.frontier(of_all), "Right answers by dollars")
    for name in dict.fromkeys(row.set for row in results.rows):
        yield Heading(f"Band: {name}")
        yield Grid(ROUTED_HEAD, [_routed_cells(row) for row in results.rows if row.set == name])
