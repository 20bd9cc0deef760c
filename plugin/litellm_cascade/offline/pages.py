"""A page of headings, sentences, tables and plots: as Markdown, or as one self-contained HTML file that reads well in light and dark."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any

from litellm_cascade.errors import ConfigurationError


def need_plots(html: Path | None) -> None:
    """Before the work: raises ConfigurationError where a page with plots is wanted and nothing is there to draw them."""
    if html is not None and find_spec("plotly") is None:
        raise ConfigurationError(["--html needs plotly: pip install 'litellm-cascade[lab]'"])


@dataclass(frozen=True, slots=True)
class Heading:
    """Opens a section."""

    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One or several sentences."""

    text: str


@dataclass(frozen=True, slots=True)
class Grid:
    """A table; numbers are written by whoever makes it."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Plot:
    """A figure of plotly. ``says`` stands for it where no figure can be shown."""

    figure: Any
    says: str


Block = Heading | Paragraph | Grid | Plot

COLOURS = (
    *("#4477aa", "#ee6677", "#228833", "#b8860b", "#33a0c4", "#aa3377", "#888888", "#cc6611"),
    *("#7a68c4", "#5c8a6a", "#d4789a", "#8a6a4a"),
)
"""Of plots: Paul Tol's bright set, the two palest darkened, so that it is told apart by colour-blind readers, on white as on black."""

UNLIKE = 8
"""Of these colours are told apart where lines cross; lines after so many are dotted too."""
MARGIN_PX = 30
"""Above a plot; twice as much where a title or the names of an axis stand."""
_STYLE = """\
:root { color-scheme: light dark; --text: #1f2328; --page: #ffffff; --line: #d0d7de; --soft: #f6f8fa; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --page: #0d1117; --line: #30363d; --soft: #161b22; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page); }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; font-size: .875rem; }
th, td { border: 1px solid var(--line); padding: .3rem .6rem; text-align: left; font-variant-numeric: tabular-nums; }
th { background: var(--soft); }
td span, code { white-space: nowrap; }
code { background: var(--soft); padding: 0 .2em; }
figure { margin: 1rem 0; }
"""
_PAINT = """\
const dark = matchMedia("(prefers-color-scheme: dark)");
function paint() {
  const text = dark.matches ? "#e6edf3" : "#1f2328", line = dark.matches ? "#30363d" : "#d0d7de";
  for (const plot of document.querySelectorAll(".plotly-graph-div")) {
    const change = {"font.color": text, "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)"};
    for (const axis of Object.keys(plot.layout).filter(name => /^[xy]axis/.test(name))) {
      change[axis + ".gridcolor"] = line; change[axis + ".zerolinecolor"] = line; change[axis + ".linecolor"] = line;
    }
    Plotly.relayout(plot, change);
  }
}
dark.addEventListener("change", paint);
addEventListener("load", paint);
"""


def markdown(title: str, blocks: Iterable[Block]) -> str:
    """Without the plots, whose numbers stand in tables."""
    parts = [f"# {title}", *(text for block in blocks if (text := _markdown(block)))]
    return "\n\n".join(parts) + "\n"


def html(title: str, blocks: Sequence[Block]) -> str:
    """Everything in one file: plotly too, where there is a plot."""
    body = "\n".join(_html(blocks))
    script = f"<script>{_PAINT}</script>" if any(isinstance(block, Plot) for block in blocks) else ""
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body><h1>{escape(title)}</h1>\n{body}\n{script}</body></html>\n'


def blocks_of(markdown: str) -> Iterator[Block]:
    """Headings, tables and paragraphs of a report in Markdown; of fenced code the lines."""
    for kind, found in groupby((line for line in markdown.splitlines() if not line.startswith("```")), _kind):
        lines = [*found]
        if kind == "table":
            head, _, *rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
            yield Grid(head, rows)
        elif kind == "heading":
            yield from (Heading(line.strip("# ")) for line in lines)
        elif kind == "text":
            yield Paragraph(" ".join(lines))


def _kind(line: str) -> str:
    return {"#": "heading", "|": "table", "": "nothing"}.get(line.strip()[:1], "text")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """As Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def write_text(path: Path, text: str) -> None:
    """Write a file, and the folders that lead to it. Raises ConfigurationError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise unwritable(path, error) from None


def unwritable(path: Path, error: OSError) -> ConfigurationError:
    """In one sentence."""
    return ConfigurationError([f"{path}: cannot be written ({(error.strerror or type(error).__name__).lower()})"])


def _markdown(block: Block) -> str:
    if isinstance(block, Heading):
        return f"## {block.text}"
    if isinstance(block, Paragraph):
        return block.text
    if isinstance(block, Grid):
        return table(block.head, block.rows)
    return ""


def _html(blocks: Sequence[Block]) -> Iterator[str]:
    has_plotly = False
    for block in blocks:
        if isinstance(block, Heading):
            yield f"<h2>{_typeset(block.text)}</h2>"
        elif isinstance(block, Paragraph):
            yield f"<p>{_typeset(block.text)}</p>"
        elif isinstance(block, Grid):
            yield f"<table><thead>{_row('th', block.head)}</thead><tbody>{''.join(_row('td', row) for row in block.rows)}</tbody></table>"
        else:
            yield f'<figure aria-label="{escape(block.says)}">{_figure(block.figure, with_plotly=not has_plotly)}</figure>'
            has_plotly = True


def _row(kind: str, cells: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<{kind}>{_whole(_typeset(cell))}</{kind}>' for cell in cells)}</tr>"


def _typeset(text: str) -> str:
    """Text as HTML: Markdown's code, strong and emphasis, and arrows of one character, which stay with what stands before them."""
    text = escape(text).replace(" -&gt;", "\N{NO-BREAK SPACE}->").replace("-&gt;", "->").replace("->", "\N{RIGHTWARDS ARROW}")
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    text = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)
    return re.sub(r"(?<!\w)\*(\w[^*]*)\*(?!\w)", r"<em>\1</em>", text)


def _whole(cell: str) -> str:
    """An interval is not to be broken into two lines."""
    return re.sub(r"\[[^\]]*\]", r"<span>\g<0></span>", cell)


def _readable(axis: Any) -> None:
    """Of each decade 1, 2 and 5: all nine numbers run into each other where there are several decades."""
    if axis.type == "log" and axis.tickvals is None:
        axis.update(dtick="D2")


def _figure(figure: Any, *, with_plotly: bool) -> str:
    margin = {"t": MARGIN_PX if figure.layout.title.text is None else 2 * MARGIN_PX, "b": 2 * MARGIN_PX}
    figure.update_layout(
        template="plotly_white", paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", colorway=COLOURS, margin=margin
    )
    for line in [trace for trace in figure.data if trace.type == "scatter" and "lines" in (trace.mode or "lines")][UNLIKE:]:
        line.line.dash = line.line.dash or "dot"
    figure.for_each_xaxis(_readable)
    figure.for_each_yaxis(_readable)
    return str(figure.to_html(full_html=False, include_plotlyjs=with_plotly, config={"displayModeBar": False}))
