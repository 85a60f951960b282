"""What the experiments found, as pictures: one figure an experiment, drawn from its table.

A table has a row a value with `metric`, `value`, `low`, `high`, `interval`, `seed` (-1 for all seeds together) and the
columns that set rows apart. Dots are means over seeds, bars their 95 % intervals. Both losses look the same everywhere:
gram dark blue circles, cosine ochre diamonds; grey is chance, or what is only shown beside.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from gram.plots import style
from gram.plots.failures import RANKING_COLOURS

LOSSES = ("gram", "cosine")
OWN = {"gram": "volume", "cosine": "cosine"}  # the measure that each loss trains
_SYMBOLS, _DASHES = ("circle", "diamond-open"), ("solid", "dash")
_ROW, _FRAME = 34, 110  # pixels of a row of dots, and of axis and legend around them
_SHIFT = 0.14  # of the two losses in one row
_SHARE = "R@1 (%)"
_SAID = {  # what axes call what tables name shortly
    "none": "as it is", "narrow": "8 dimensions", "noisy": "noisy", "pure-noise": "noise alone",
    "missing-30": "30 % missing", "missing-60": "60 % missing", "missing-90": "90 % missing",
    "whole": "whole number", "first-digit": "first digit", "parity": "odd or even", "mixed": "mixed",
}  # fmt: skip
_ALL = "text+image+speech+tones"
_OVER = {
    "seeds": "95 % interval over seeds", "items": "95 % interval over items",
    "items of all seeds": "95 % interval over items", "runs": "95 % interval over runs", "": "no interval",
}  # fmt: skip


def losses_and_measures(
    frame: pd.DataFrame, *, direction: str = "query-to-candidates", dark: bool = False
) -> go.Figure:
    """Return R@1 of both losses by every measure: a row a measure, a dot a loss, the trained-for measure filled in.

    Args:
        frame: the table of "losses-and-measures".
        direction: "query-to-candidates" or "candidates-to-query".
        dark: for a dark ground.
    """
    rows = _chosen(frame, metric="R@1", direction=direction)
    names = list(dict.fromkeys(rows["measure"]))
    figure = go.Figure()
    for side, loss in enumerate(LOSSES):
        own = rows[rows["loss"] == loss]
        trained = [measure == OWN[loss] for measure in own["measure"]]
        _dots(figure, own, names, own["measure"], side=side, name=f"{loss} loss", filled=trained, dark=dark)
    return _rows_laid_out(figure, names, _SHARE, dark)


def modalities(frame: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """Return R@1 against the number of candidate modalities, by each loss's own measure.

    Full lines: trained and tested on these. Thin lines: trained on all, and only tested on these.

    Args:
        frame: the table of "modalities".
        dark: for a dark ground.
    """
    rows = _chosen(frame, metric="R@1")
    full = max(rows["trained"], key=len)
    steps = ["+".join(full.split("+")[: count + 1]) for count in range(len(full.split("+")))]
    figure = go.Figure()
    for side, loss in enumerate(LOSSES):
        own = rows[(rows["loss"] == loss) & (rows["measure"] == OWN[loss])]
        both = own[(own["trained"] == own["tested"]) & own["tested"].isin(steps)]
        only = own[(own["trained"] == full) & own["tested"].isin(steps)]
        _line(figure, both, steps, both["tested"], side=side, name=f"{loss}: trained and tested on these", dark=dark)
        _line(figure, only, steps, only["tested"], side=side, name=f"{loss}: tested on these", dark=dark, thin=True)
    words = [steps[0], *(f"+ {step.split('+')[-1]}" for step in steps[1:])]
    figure.update_xaxes(tickvals=list(range(len(steps))), ticktext=words, range=[-0.4, len(steps) - 0.6])
    _lay_out(figure, dark, height=400)
    figure.update_yaxes(title=_SHARE, rangemode="tozero", fixedrange=True)
    return figure


def volume_as_metric(frame: pd.DataFrame, *, predictor: str = "mean volume", dark: bool = False) -> go.Figure:
    """Return R@1 by each loss's own measure against a predictor: a point a checkpoint of a run, joined along a run.

    Args:
        frame: the table of "volume-as-metric".
        predictor: "mean volume", "volume AUC", "mean cosine" or "modality gap".
        dark: for a dark ground.

    Raises:
        ValueError: the table has no such predictor.
    """
    single = frame[(frame["seed"] >= 0) & (frame["step"] >= 0)]
    if predictor not in set(single["metric"]):
        raise ValueError(f"predictor: expected a metric of the table, got {predictor!r}")
    wide = single.pivot_table(index=["loss", "seed", "step"], columns="metric", values="value").reset_index()
    figure = go.Figure()
    for side, loss in enumerate(LOSSES):
        rho = frame[
            (frame["metric"] == "spearman") & (frame["target"] == "R@1") & (frame["predictor"] == predictor)
            & (frame["scope"] == f"within {loss}")
        ]  # fmt: skip
        told = f"{loss} loss (ρ = {style.number(float(rho['value'].iloc[0]))})" if len(rho) else f"{loss} loss"
        for place, (seed, run) in enumerate(wide[wide["loss"] == loss].groupby("seed")):
            run = run.sort_values("step")
            figure.add_scatter(
                x=run[predictor], y=100 * run["R@1"], mode="lines+markers", name=told, legendgroup=loss, meta=loss,
                showlegend=place == 0, line={"color": style.rgba(RANKING_COLOURS[side][dark], 0.35), "width": 1},
                marker=_marker(side, dark, size=8), customdata=[[seed, step] for step in run["step"]],
                hovertemplate=f"{loss}, seed %{{customdata[0]}}, step %{{customdata[1]:,}}<br>{predictor} %{{x:.3f}}"
                "<br>R@1 <b>%{y:.1f} %</b><extra></extra>",
            )  # fmt: skip
    _lay_out(figure, dark, height=420)
    figure.update_xaxes(title=predictor, zeroline=False)
    figure.update_yaxes(title=_SHARE, rangemode="tozero", fixedrange=True)
    return figure


def sensitivity(frame: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """Return R@1 by each loss's own measure against width, temperature and batch size: a panel each, one below another.

    Args:
        frame: the table of "sensitivity".
        dark: for a dark ground.
    """
    titles = {"d": "dimensions d", "temperature": "temperature", "batch": "items of a batch"}
    figure = make_subplots(rows=len(titles), cols=1, vertical_spacing=0.13)
    for row, (varied, title) in enumerate(titles.items(), start=1):
        rows = _chosen(frame, metric="R@1", varied=varied).sort_values("place", na_position="last", kind="stable")
        settings = list(dict.fromkeys(rows["setting"]))
        for side, loss in enumerate(LOSSES):
            own = rows[rows["loss"] == loss]
            _line(
                figure, own, settings, own["setting"], side=side, name=f"{loss} loss", dark=dark,
                row=row, legend=row == 1,
            )  # fmt: skip
        figure.update_xaxes(
            title=title, tickvals=list(range(len(settings))), ticktext=settings, row=row, col=1,
            range=[-0.4, len(settings) - 0.6],
        )  # fmt: skip
    _lay_out(figure, dark, height=720)
    figure.update_yaxes(title=_SHARE, rangemode="tozero", fixedrange=True)
    return figure


def unequal(frame: pd.DataFrame, *, measures: Mapping[str, str] = OWN, dark: bool = False) -> go.Figure:
    """Return R@1 with one modality degraded in each way: a row a way, a dot a loss.

    Args:
        frame: the table of "unequal".
        measures: loss -> what ranks; by default what the loss trains.
        dark: for a dark ground.
    """
    rows = _chosen(frame, metric="R@1").assign(degradation=lambda found: found["degradation"].map(_said))
    names = list(dict.fromkeys(rows["degradation"]))
    figure = go.Figure()
    for side, loss in enumerate(LOSSES):
        own = rows[(rows["loss"] == loss) & (rows["measure"] == measures[loss])]
        _dots(figure, own, names, own["degradation"], side=side, name=f"{loss} by {measures[loss]}", dark=dark)
    return _rows_laid_out(figure, names, _SHARE, dark)


def coarse_and_fine(frame: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """Return how often the top item satisfies the text: a row a kind of training and of asking, grey ticks for chance.

    Args:
        frame: the table of "coarse-and-fine".
        dark: for a dark ground.
    """
    rows = _chosen(frame, metric="hit")
    labels = _pairs(rows)
    names = list(dict.fromkeys(labels))
    figure = go.Figure()
    for side, loss in enumerate(LOSSES):
        own = rows[(rows["loss"] == loss) & (rows["measure"] == OWN[loss])]
        _dots(figure, own, names, _pairs(own), side=side, name=f"{loss} by {OWN[loss]}", dark=dark)
    chance = _chosen(frame, metric="chance", loss=LOSSES[0], measure=OWN[LOSSES[0]])
    figure.add_scatter(
        x=100 * chance["value"], y=[names.index(label) for label in _pairs(chance)], mode="markers", name="chance",
        meta="chance",
        marker={"symbol": "line-ns", "size": 22, "line": {"width": 2.5, "color": style.MISMATCH[dark]}},
        hovertemplate="chance: %{x:.1f} %<extra></extra>",
    )  # fmt: skip
    return _rows_laid_out(figure, names, "top item satisfies the text (%)", dark)


def _pairs(rows: pd.DataFrame) -> list[str]:
    """Return what a row was trained with and asked, in words."""
    return [
        _said(one) if one == other else f"{_said(one)}: {_said(other)}"
        for one, other in zip(rows["trained"], rows["asked"])
    ]


def _said(name: str) -> str:
    return _SAID.get(name, name)


def rivals(frame: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """Return R@1 of every loss by its own measure, the best on top, and in grey by mean cosine.

    Losses that were trained on three modalities are in rows of their own, below.

    Args:
        frame: the table of "rivals".
        dark: for a dark ground.
    """
    rows = _chosen(frame, metric="R@1")
    own_rows = _chosen(frame, metric="R@1 difference")
    own = rows.merge(own_rows[["loss", "modalities", "measure"]], on=["loss", "modalities", "measure"])
    own = own.assign(three=own["modalities"] != _ALL).sort_values(["three", "value"], ascending=[True, False])
    names = [_rival(loss, kinds) for loss, kinds in zip(own["loss"], own["modalities"])]
    cosine = rows[rows["measure"] == "cosine"]
    figure = go.Figure()
    figure.add_scatter(
        x=100 * cosine["value"], meta="by cosine", mode="markers", name="by mean cosine",
        y=[names.index(_rival(loss, kinds)) for loss, kinds in zip(cosine["loss"], cosine["modalities"])],
        marker={"symbol": "x-thin", "size": 9, "line": {"width": 2, "color": style.MISMATCH[dark]}},
        hovertemplate="by mean cosine: %{x:.1f} %<extra></extra>",
    )  # fmt: skip
    _dots(figure, own, names, names, side=0, name="by the loss's own measure", dark=dark, shift=False)
    return _rows_laid_out(figure, names, _SHARE, dark)


def _rival(loss: str, kinds: str) -> str:
    return loss if kinds == _ALL else f"{loss}, k = {len(kinds.split('+'))}"


def space(frame: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """Return silhouette and probe accuracy of the digits by modality, and UMAP's trustworthiness: a panel each.

    Args:
        frame: the table of "space".
        dark: for a dark ground.
    """
    panels = {"silhouette": "silhouette (−1 to 1)", "probe accuracy": "probe accuracy (%)",
              "trustworthiness": "trustworthiness of UMAP (0 to 1)"}  # fmt: skip
    figure = make_subplots(rows=3, cols=1, vertical_spacing=0.12, row_heights=[0.42, 0.42, 0.16])
    for row, (metric, title) in enumerate(panels.items(), start=1):
        rows = _chosen(frame, metric=metric)
        names = list(dict.fromkeys(rows["modality"]))
        for side, loss in enumerate(LOSSES):
            own = rows[rows["loss"] == loss]
            _dots(
                figure, own, names, own["modality"], side=side, name=f"{loss} loss", dark=dark, row=row,
                legend=row == 1, percent=metric == "probe accuracy",
            )  # fmt: skip
        figure.update_xaxes(title=title, zeroline=False, row=row, col=1)
        figure.update_yaxes(**_named(names), row=row, col=1)
    lowest = float(_chosen(frame, metric="trustworthiness")["value"].min())
    figure.update_xaxes(range=[min(0.9, lowest - 0.02), 1.001], row=3, col=1)  # so that a hair is seen as one
    _lay_out(figure, dark, height=700)
    return figure


FIGURES: dict[str, Callable[..., go.Figure]] = {
    "losses-and-measures": losses_and_measures,
    "modalities": modalities,
    "volume-as-metric": volume_as_metric,
    "sensitivity": sensitivity,
    "unequal": unequal,
    "coarse-and-fine": coarse_and_fine,
    "rivals": rivals,
    "space": space,
}


def evidence(name: str, frame: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """Return the figure of an experiment.

    Args:
        name: of the experiment, one of `FIGURES`.
        frame: its table.
        dark: for a dark ground.

    Raises:
        ValueError: there is no figure of this name.
    """
    if name not in FIGURES:
        raise ValueError(f"name: expected one of {', '.join(FIGURES)}, got {name!r}")
    return FIGURES[name](frame, dark=dark)


def _chosen(frame: pd.DataFrame, **wanted: Any) -> pd.DataFrame:
    """Return the rows for all seeds together that have these values."""
    chosen = frame["seed"] < 0
    for name, value in wanted.items():
        chosen &= frame[name] == value
    return frame[chosen]


def _marker(side: int, dark: bool, *, size: int = 10) -> dict[str, Any]:
    colour = RANKING_COLOURS[side][dark]
    line = {"width": 2, "color": colour}
    return {"color": colour, "size": size, "opacity": 1, "symbol": _SYMBOLS[side], "line": line}


def _told(rows: pd.DataFrame, factor: float) -> list[list[str]]:
    """Return what the hover says of each row: its interval, over what, and how many seeds."""
    return [
        ["" if np.isnan(low) else f"{factor * low:.3g} to {factor * high:.3g}", _OVER[over], str(seeds)]
        for low, high, over, seeds in zip(rows["low"], rows["high"], rows["interval"], rows["seeds"])
    ]


def _reach(rows: pd.DataFrame, factor: float, side: int, dark: bool) -> dict[str, Any]:
    value = rows["value"].to_numpy()
    return {
        "type": "data", "symmetric": False, "color": RANKING_COLOURS[side][dark], "thickness": 1.5, "width": 4,
        "array": np.nan_to_num(factor * (rows["high"].to_numpy() - value)),
        "arrayminus": np.nan_to_num(factor * (value - rows["low"].to_numpy())),
    }  # fmt: skip


def _dots(
    figure: go.Figure, rows: pd.DataFrame, names: Sequence[str], of: Sequence[str] | pd.Series, *, side: int,
    name: str, dark: bool, filled: Sequence[bool] | None = None, row: int | None = None, legend: bool = True,
    percent: bool = True, shift: bool = True,
) -> None:  # fmt: skip
    """Add a dot with its interval to each row of names; those not filled in, where that is told, are smaller."""
    factor = 100.0 if percent else 1.0
    marker = _marker(side, dark)
    if filled is not None:
        marker["size"] = [13 if each else 8 for each in filled]
    place = np.array([names.index(each) for each in of], dtype=np.float64)
    unit = " %" if percent else ""
    figure.add_scatter(
        x=factor * rows["value"], y=place + ((side - 0.5) * 2 * _SHIFT if shift else 0.0), mode="markers", name=name,
        meta=name, legendgroup=name, showlegend=legend, marker=marker, cliponaxis=False,
        error_x=_reach(rows, factor, side, dark),
        customdata=[[each, *told] for each, told in zip(of, _told(rows, factor))],
        hovertemplate=f"{name}: %{{customdata[0]}}<br><b>%{{x:.3g}}{unit}</b> (%{{customdata[1]}})<br>"
        "%{customdata[2]}, %{customdata[3]} seeds<extra></extra>",
        **({} if row is None else {"row": row, "col": 1}),
    )  # fmt: skip


def _line(
    figure: go.Figure, rows: pd.DataFrame, names: Sequence[str], of: pd.Series, *, side: int, name: str, dark: bool,
    thin: bool = False, row: int | None = None, legend: bool = True,
) -> None:  # fmt: skip
    """Add a line over names in order, with an interval at each."""
    place = np.array([names.index(each) for each in of], dtype=np.float64)
    order = np.argsort(place)
    rows, place, said = rows.iloc[order], place[order], [list(of)[at] for at in order]
    figure.add_scatter(
        x=place + (side - 0.5) * 0.06, y=100 * rows["value"], mode="lines+markers", name=name, meta=name,
        legendgroup=name, showlegend=legend, error_y=_reach(rows, 100.0, side, dark),
        marker=_marker(side, dark, size=6 if thin else 10),
        line={"color": RANKING_COLOURS[side][dark], "width": 1 if thin else 2.5, "dash": _DASHES[side]},
        customdata=[[each, *told] for each, told in zip(said, _told(rows, 100.0))],
        hovertemplate=f"{name}: %{{customdata[0]}}<br><b>%{{y:.3g}} %</b> (%{{customdata[1]}})<br>%{{customdata[2]}}, "
        "%{customdata[3]} seeds<extra></extra>",
        **({} if row is None else {"row": row, "col": 1}),
    )  # fmt: skip


def _named(names: Sequence[str]) -> dict[str, Any]:
    """Return a vertical axis with a name a row, the first on top."""
    return {
        "tickvals": list(range(len(names))), "ticktext": list(names), "range": [len(names) - 0.5, -0.5],
        "fixedrange": True, "zeroline": False,
    }  # fmt: skip


def _rows_laid_out(figure: go.Figure, names: Sequence[str], title: str, dark: bool) -> go.Figure:
    _lay_out(figure, dark, height=_FRAME + _ROW * len(names))
    figure.update_yaxes(**_named(names))
    figure.update_xaxes(title=title, zeroline=False, rangemode="tozero", fixedrange=True)
    if title.endswith("(%)"):  # no share is below 0 or above 1, though Student's interval of one may be
        figure.update_xaxes(range=[-1.5, 101.5], tickvals=list(range(0, 101, 20)))
    return figure


def _lay_out(figure: go.Figure, dark: bool, *, height: int) -> None:
    figure.update_layout(
        template=style.template(dark=dark),
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": style.QUIET[dark], "activecolor": style.INK[dark]},
        hovermode="closest", dragmode=False, height=height,
        margin={"l": 8, "r": 12, "t": 12, "b": 52},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},  # as high as its lines need
        uirevision="kept",
    )  # fmt: skip
