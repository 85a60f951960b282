"""The numbers beside the picture of the Projection page."""

import numpy as np
import pandas as pd
import streamlit as st

from app.data import distributions, layouts
from app.state import selection as selected
from app.text import csv_safe, escape_markdown
from app.widgets import missing
from gram.data.embedding_set import EmbeddingSet
from gram.plots.scatter import sample_rows
from gram.plots.style import number
from gram.projection import Layout


def show(selection: selected.Selection, measure: str, layout: Layout, embedding_set: EmbeddingSet) -> None:
    """Show how far a layout can be trusted, and the numbers of the current item.

    Args:
        selection: what is current.
        measure: by which the item's rank is told.
        layout: what is drawn.
        embedding_set: what it shows.
    """
    settings, n = layout.settings, len(embedding_set)
    drawn = len(sample_rows(n, len(layout.points)))
    whole = "all of them" if drawn == n else f"a sample of {drawn:,} items"
    st.metric(
        "Trustworthiness",
        number(layout.trustworthiness),
        help="1 when the neighbours of every point in the picture are its neighbours by cosine; about 0.5 by chance",
    )
    there = layout.fitted + layout.placed
    checked = "all points" if layout.trust_checked >= there else f"{layout.trust_checked:,} of {there:,} points"
    st.caption(
        f"A projection distorts. This looks at {layout.trust_neighbors} neighbours of {checked}. "
        + ("Distances between groups mean little." if settings.method == "umap" else _explained(layout))
    )
    if layout.placed:
        st.caption(_placed(layout))
    volume = distributions.item_values(selection.model, selection.candidates, "volume")
    if (row := embedding_set.find(selection.item)) is not None:
        rank, among = layouts.rank(selection.model, selection.candidates, measure, selection.item)
        st.metric(
            f"Volume of {escape_markdown(selection.item)}", number(float(volume[row])), help="From 0, aligned, to 1"
        )
        st.metric(
            f"Rank by {measure}",
            "–" if np.isnan(rank) else f"{rank:,.0f}",
            help=f"Where its own {escape_markdown(', '.join(selection.candidates))} rank among {among:,} for its "
            f"{escape_markdown(embedding_set.anchor)}",
        )
        if why := missing.unranked(embedding_set, selection.item, selection.candidates, query=embedding_set.anchor):
            st.caption(f"{escape_markdown(why)}: no volume, no rank.")
    size = f"{n:,} items × {len(layout.points)} modalities"
    if there < n * len(layout.points):
        size += f", of which {there:,} are there"
    st.caption(f"{size}: {whole}.")
    selected.link("geometry", "Open in Geometry")
    st.download_button(
        "Points as CSV",
        lambda: csv_safe(_table(layout, embedding_set)),
        f"{settings.method}-{settings.dims}d-{selection.model}.csv",
        "text/csv",
        on_click="ignore",
    )


def _placed(layout: Layout) -> str:
    """Return in words which points UMAP was fitted on, and how far those and the others can be trusted."""
    trusted = [number(trust) for trust in (layout.trust_fitted, layout.trust_placed) if trust is not None]
    measured = f" (trustworthiness {' and '.join(trusted)})" if len(trusted) == 2 else ""
    return (
        f"UMAP was fitted on {layout.fitted:,} of {layout.fitted + layout.placed:,} points; the others are placed by "
        f"their nearest fitted ones{measured}."
    )


def _explained(layout: Layout) -> str:
    shares = " + ".join(f"{share:.0%}" for share in layout.explained)
    return f"Its axes hold {shares} of the variance."


def _table(layout: Layout, embedding_set: EmbeddingSet) -> pd.DataFrame:
    axes = list("xyz"[: layout.settings.dims])
    return pd.concat(
        pd.DataFrame(points, columns=axes).assign(id=embedding_set.items["id"].astype(str), modality=name)
        for name, points in layout.points.items()
    )[["id", "modality", *axes]]
