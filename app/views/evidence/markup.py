"""Claims as HTML: what was said and by whom, the published numbers, and what made a result."""

import re
from collections.abc import Mapping
from html import escape

import pandas as pd

from gram.experiments.claim import Claim

_ARXIV = re.compile(r"arXiv (\d{4}\.\d{4,5})")
_MINUS = re.compile(r"(?<![\w-])-(?=\d)")
_CLAUSE = re.compile(r"(?<=;) (?![^(]*\))")  # after a semicolon that is in no brackets
_BETWEEN = '<span aria-hidden="true"> / </span>'


def contents(entries: Mapping[str, tuple[str, str]]) -> str:
    """Return the sections as a list of links.

    Args:
        entries: anchor -> title, and the claim that is put to the test there.
    """
    lines = "".join(
        f'<li><a href="#{escape(anchor, quote=True)}" target="_self">{escape(title)}</a>'
        f"<span>{escape(claim)}</span></li>"
        for anchor, (title, claim) in entries.items()
    )
    return f'<nav class="contents" aria-label="Claims"><ol>{lines}</ol></nav>'


def claim(said: Claim, ground: str) -> str:
    """Return a claim with its source, and the published numbers where there are any, folded up.

    Args:
        said: the claim.
        ground: colour of the page, for the column that stays while the others scroll.
    """
    return (
        f'<div class="claim"><p><b>{"Claimed" if said.is_published else "Supposed"}.</b> {escape(said.sentence)}</p>'
        f'<p class="source">{_linked(said.source)}</p>{_caution(said)}{_published(said, ground)}</div>'
    )


def found(headline: str, finding: str) -> str:
    """Return what was found: in short, and folded up the whole of it, each of its clauses on a line."""
    first, *rest = _CLAUSE.split(_set_well(finding))
    clauses = "".join(f" <span>{escape(clause)}</span>" for clause in rest)
    return (
        f'<div class="found"><p><b>Found here.</b> {escape(_set_well(headline))}</p>'
        f"<details><summary>With every interval</summary><p>{escape(first)}{clauses}</p></details></div>"
    )


def _set_well(text: str) -> str:
    """Return text with its numbers kept together with their signs and units."""
    return _MINUS.sub("−", text).replace(" %", "\N{NO-BREAK SPACE}%")


def facts(made: Mapping[str, str]) -> str:
    """Return what made a result: scale, day, device, time, commit, and the command that makes it again."""
    minutes = float(made["training_seconds"]) / 60
    spent = f"{minutes:.0f} min" if minutes >= 1 else f"{float(made['training_seconds']):.0f} s"
    parts = (
        f"{made['scale']} scale", f"on {made['device']}", f"{spent} of training", made["started"][:10],
        f"commit {made['commit'][:7]}",
    )  # fmt: skip
    return f'<p class="made">{escape(" · ".join(parts))}<code>{escape(made["command"])}</code></p>'


def _linked(source: str) -> str:
    """Return a source with its arXiv numbers as links."""
    return _ARXIV.sub(r'<a href="https://arxiv.org/abs/\1" target="_blank" rel="noopener">arXiv \1</a>', escape(source))


def _caution(said: Claim) -> str:
    return f'<p class="source"><b>Read with care.</b> {escape(said.caution)}</p>' if said.caution else ""


def _published(said: Claim, ground: str) -> str:
    if said.figures is None:
        return ""
    data = list(dict.fromkeys(said.figures["data"]))
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in data)
    lines = "".join(
        _line(f"{model}, text against {asked}", rows, data)
        for (model, asked), rows in said.figures.groupby(["model", "asked"], sort=False)
    )
    sources = "; ".join(_linked(source) for source in dict.fromkeys(said.figures["source"]))
    return (
        '<details class="published"><summary>Published numbers</summary>'
        f'<div class="measures" style="--measures-ground:{ground}" tabindex="0" role="region" '
        'aria-label="Published numbers"><table><thead><tr><th scope="col">zero-shot R@1 in %, text to video / video to '
        f"text</th>{heads}</tr></thead><tbody>{lines}</tbody></table></div>"
        f'<p class="source">{sources}</p></details>'
    )


def _line(title: str, rows: pd.DataFrame, data: list[str]) -> str:
    by_place = {(name, way): value for name, way, value in zip(rows["data"], rows["direction"], rows["recall"])}
    cells = ""
    for name in data:
        pair = [by_place.get((name, way)) for way in ("text-to-video", "video-to-text")]
        shown = _BETWEEN.join("–" if value is None else f"{value:.1f}" for value in pair)
        cells += f"<td>{'–' if pair == [None, None] else shown}</td>"
    return f'<tr><th scope="row">{escape(title)}</th>{cells}</tr>'
