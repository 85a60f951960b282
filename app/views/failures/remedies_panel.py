"""What would help, measured, and what is wrong with the set as a whole: the lower part of the Failures page."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from app import theme
from app.components import chart
from app.data import pictures, sets
from app.data.failures import Asked
from app.state import selection
from app.text import escape_markdown
from app.views.failures import work
from app.widgets import cards
from app.widgets.measure_markup import percent
from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics import Diagnosis, Remedy
from gram.plots.failures import remedies as drawn

_SIGNS = {"helps": ("▲", "ahead"), "harms": ("▼", "behind")}
_ROW, _ABOVE, _BELOW = 72, 30, 44  # pixels of a remedy as high as its line of the table, and around them all


def show(asked: Asked) -> None:
    """Show the remedies and the findings of a ranking; each waits for its own part."""
    st.subheader("Remedies, measured", anchor="remedies")
    found = work.remedies(asked)
    if found is not None:
        _remedies(asked, found)
    elif work.findings(asked) is not None:
        work.wait_for((asked, "remedies"), key="failures_remedies")
    else:
        st.caption("They are measured after the findings below.")
    st.subheader("What is wrong with this set", anchor="findings")
    findings = work.findings(asked)
    if findings is None:
        work.wait_for((asked, "findings"), key="failures_findings")
        return
    _findings(asked, findings)


# remedies


def _remedies(asked: Asked, found: Sequence[Remedy]) -> None:
    untouched, *tried = found
    st.markdown(
        f"What each change does to the {escape_markdown(asked.judge.title)}. One half of the items chose its "
        f"parameter, and the other half, {untouched.items:,} items ranked against each other, judges it: untouched, "
        f"R@1 is **{percent(untouched.recall)}** there."
    )
    picture, table = st.columns([1, 1.7], gap="medium")
    with picture:
        chart.show(
            pictures.json_of(_drawn, tried, dark=theme.is_dark()),
            key="failures_remedies_chart",
            height=_ABOVE + _ROW * len(tried) + _BELOW,
            filename=f"remedies-{asked.judge.model}-{asked.judge.measure}",
            description="Change of R@1 by each remedy, with its interval: "
            + "; ".join(f"{each.title} {100 * each.difference:+.1f} points" for each in tried),
            on_action=lambda action: None,
            tools=("resetScale2d",),
            may_be_tall=True,
        )
    table.html(_table(tried, theme.ground()))


def _drawn(tried: Sequence[Remedy], *, dark: bool) -> go.Figure:
    figure = drawn(
        [each.title for each in tried],
        np.array([each.difference for each in tried]),
        np.array([each.interval[0] for each in tried]),
        np.array([each.interval[1] for each in tried]),
        dark=dark,
    )
    return figure.update_layout(margin={"t": _ABOVE, "b": _BELOW})


def _table(tried: Sequence[Remedy], ground: str) -> str:
    lines = "".join(_line(each) for each in tried)
    return (
        f'<div class="measures remedies" style="--measures-ground:{ground}" tabindex="0" role="region" '
        'aria-label="Remedies"><table><thead><tr><th scope="col">remedy</th><th scope="col">R@1</th>'
        f'<th scope="col" class="told">what it does</th></tr></thead><tbody>{lines}</tbody></table></div>'
    )


def _line(each: Remedy) -> str:
    sign, kind = _SIGNS.get(each.verdict, ("≈", "level"))
    parameter = f"<small>{escape(each.parameter)}</small>" if each.parameter else ""
    return (
        f'<tr class="{kind}"><th scope="row"><b aria-hidden="true">{sign}</b> {escape(each.title)}{parameter}</th>'
        f"<td>{percent(each.recall)}<small>untouched {percent(each.untouched)}</small></td>"
        f'<td class="told">{escape(each.text)}</td></tr>'
    )


# findings


def _findings(asked: Asked, diagnosis: Diagnosis) -> None:
    gallery = sets.load_set(asked.judge.model)
    cards.show(
        _listed(diagnosis, asked, gallery),
        gallery,
        key="failures_findings_list",
        styles="failures",
        on_action=lambda action: selection.select_item(action["id"]),
    )


def _listed(diagnosis: Diagnosis, asked: Asked, gallery: EmbeddingSet) -> str:
    """Return the findings as a list, the worst first, and what is in order."""
    items = gallery.items
    named = items[items["id"].astype(str).isin([str(item) for each in diagnosis.findings for item in each.items])]
    names = dict(zip(named["id"].astype(str), named["label" if "label" in items else "id"].astype(str)))
    found = "".join(
        f'<li class="finding" style="--severity:{100 * each.severity:.0f}%">'
        f'<i title="how bad: {each.severity:.2f} of 1"></i><div><h4>{escape(each.title)}'
        f"<small>{escape(', '.join(each.modalities))}</small></h4><p>{escape(each.text)}</p>"
        f"{_do(each.remedy)}{_items(each.items, names)}</div></li>"
        for each in diagnosis.findings
    )
    some, every = diagnosis.sampled
    whole = f"all {every:,} items" if some == every else f"{some:,} of {every:,} items, drawn at random"
    head = (
        f'<p class="sound">Of the {escape(asked.judge.model)} model’s embeddings, {escape(diagnosis.query)} against '
        f"{escape(', '.join(diagnosis.candidates))} by {escape(diagnosis.measure)}; looked at: {whole}.</p>"
    )
    if not diagnosis.findings:
        head += (
            "<p><b>Nothing is wrong that this looks for.</b> What is left to blame are single items: see the cases.</p>"
        )
    order = "".join(f"<li>{escape(each.text)}</li>" for each in diagnosis.checked if not each.found)
    sound = f'<details class="sound"><summary>In order</summary><ul>{order}</ul></details>' if order else ""
    return f'{head}<ol class="findings">{found}</ol>{sound}'


def _do(remedy: str) -> str:
    return f'<p class="do">What to do: {escape(remedy)}</p>' if remedy else ""


def _items(items: Sequence[str], names: Mapping[str, str]) -> str:
    if not items:
        return ""
    buttons = "".join(
        f'<button type="button" class="press" data-action="select" data-id="{escape(str(item), quote=True)}" '
        f'data-focus="finding-{escape(str(item), quote=True)}">{escape(str(names.get(str(item), item)))}</button>'
        for item in items
    )
    return f'<div class="actions">{buttons}</div>'
