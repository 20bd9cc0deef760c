"""A self-contained page of plots and tables: one file, no network, in the reader's own light or dark colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from litellm_cascade.offline.bench_common.telling import write_text

COLOURS = ("#4477aa", "#ee6677", "#228833", "#b8860b", "#33a0c4", "#aa3377", "#888888", "#cc6611")
"""Paul Tol's bright set, the two palest darkened: told apart by colour-blind readers, and on white as on black."""

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #ffffff; --rule: #d8dee4; --soft: #59636e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --rule: #30363d; --soft: #9198a1; } }
body { margin: 2rem auto; max-width: 76rem; padding: 0 1rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2.5rem; }
p.note { color: var(--soft); max-width: 60rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--rule); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
"""
# Plotly knows no CSS variables, so the colours of text and lines are handed over, at first and whenever the scheme changes.
_SCRIPT = """
const dark = matchMedia('(prefers-color-scheme: dark)');
function paint() {
  const style = getComputedStyle(document.documentElement), colour = name => style.getPropertyValue(name).trim();
  for (const plot of document.querySelectorAll('.js-plotly-plot')) {
    const change = {'font.color': colour('--ink'), 'hoverlabel.bgcolor': colour('--paper'), 'hoverlabel.font.color': colour('--ink')};
    for (const key of Object.keys(plot.layout)) {
      if (/^[xy]axis/.test(key)) for (const part of ['gridcolor', 'zerolinecolor', 'linecolor']) change[key + '.' + part] = colour('--rule');
      if (/^polar/.test(key)) {
        change[key + '.bgcolor'] = 'rgba(0,0,0,0)';
        for (const axis of ['radialaxis', 'angularaxis']) for (const part of ['gridcolor', 'linecolor'])
          change[key + '.' + axis + '.' + part] = colour('--rule');
      }
    }
    Plotly.relayout(plot, change);
  }
}
dark.addEventListener('change', paint);
paint();
"""


@dataclass(slots=True, kw_only=True)
class Page:
    """A page that grows from above. ``note`` says what the numbers are and where they come from."""

    title: str
    note: str
    _parts: list[str] = field(default_factory=list)
    _plots: int = 0

    def heading(self, text: str, note: str = "") -> None:
        """A new part."""
        self._parts.append(f"<h2>{escape(text)}</h2>" + (f'<p class="note">{escape(note)}</p>' if note else ""))

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Cells as text."""
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
        self._parts.append(f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>')

    def plot(self, figure: Any, *, height: int = 420) -> None:
        """A plotly figure. The first brings plotly itself along, so that the page needs no network."""
        figure.update_layout(
            height=height,
            paper_bgcolor="rgba(0,0,0,0)",
            plot_bgcolor="rgba(0,0,0,0)",
            colorway=COLOURS,
            margin={"l": 60, "r": 20, "t": 50, "b": 60},
            font={"family": "system-ui, sans-serif", "size": 13},
        )
        self._parts.append(figure.to_html(full_html=False, include_plotlyjs=not self._plots, config={"displaylogo": False}))
        self._plots += 1

    def write(self, path: Path) -> None:
        """As one file. Raises ConfigurationError where it cannot be written."""
        script = f"<script>{_SCRIPT}</script>" if self._plots else ""
        head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(self.title)}</title>'
        top = f'<h1>{escape(self.title)}</h1><p class="note">{escape(self.note)}</p>'
        body = "\n".join(self._parts)
        html = f'<!doctype html>\n<html lang="en"><head>{head}<style>{_STYLE}</style></head><body>{top}\n{body}\n{script}</body></html>\n'
        write_text(path, html)
