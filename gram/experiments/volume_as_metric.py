"""Does the mean volume say how well a model retrieves? Against the AUC of volumes, mean cosine and modality gap."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import torch
from jaxtyping import Float
from scipy import stats

from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics import find_hubs, find_modality_gap, find_sign_flips
from gram.experiments import chart
from gram.experiments.claim import GRAM_PAPER, Claim
from gram.experiments.config import COMPARED, Budget, RunConfig, base_runs
from gram.experiments.outcomes import Outcome
from gram.experiments.sentences import listed, number, share
from gram.experiments.table import ALL_SEEDS, Observation, over_seeds, single_row, tabulate, with_common_last
from gram.geometry import volume
from gram.plots import style
from gram.retrieval.distributions import distributions
from gram.retrieval.evaluate import evaluate

NAME, TITLE, ORDER = "volume-as-metric", "Volume as a metric", 30
CLAIM = Claim(
    "The mean volume of matched items says how well a model is aligned, and goes with how well it retrieves.",
    GRAM_PAPER,
)
PREDICTORS = ("mean volume", "volume AUC", "mean cosine", "modality gap")
TARGETS = ("R@1", "R@1 by volume")
SCOPES = ("within gram", "within cosine", "pooled", "at the end")
_RESAMPLES = 1000
_CONSTANT = 1e-12  # a spread that is rounding, beside the values


def runs(budget: Budget) -> list[RunConfig]:
    """Return the runs: both losses, all four modalities, every seed; no more than other experiments train."""
    return base_runs(budget)


def table(outcomes: Iterable[Outcome]) -> pd.DataFrame:
    """Return the table: columns loss, step, scope, target, predictor, and those of `gram.experiments.table`.

    Rows with a step hold what `facts` gives, by run and over seeds (Student's t where there are three). Rows with a
    scope hold "pearson" and "spearman" of a target with a predictor over all checkpoints but the untrained one ("at
    the end": over the last of every run), with a percentile bootstrap over whole runs ("runs"): checkpoints of a run go
    together.
    """
    points = tabulate(
        Observation(
            {"loss": outcome.run.loss, "step": step, "scope": "", "target": "", "predictor": ""}, metric,
            outcome.run.seed, given=value,
        )
        for outcome in outcomes
        for step in outcome.steps
        for metric, value in facts(outcome.embedding_set(step), outcome.run).items()
    )  # fmt: skip
    return with_common_last(pd.concat([points, pd.DataFrame(correlations(points))], ignore_index=True))


def facts(embedded: EmbeddingSet, run: RunConfig) -> dict[str, float]:
    """Return what a set gives: R@1, the predictors, and where a volume misleads.

    "R@1" is by the measure that the run's loss trains. "mean volume" and "mean cosine" are means over items, of their
    own vectors and of text with each candidate; "modality gap" the mean distance of the modalities' centroids; "volume
    AUC" how likely a matched volume is the smaller. "hub share" is the share of first places that the 1 %
    of candidates most often first take, by volume; "flipped" counts modalities on the opposite side.
    """
    vectors = {name: rows.double() for name, rows in embedded.normalized().modalities.items()}
    candidates = run.candidates
    by_own = evaluate(embedded, "text", candidates, run.measure, device="cpu")
    by_volume = evaluate(embedded, "text", candidates, "volume", device="cpu")
    cosines = [(vectors["text"] * vectors[name]).sum(dim=1).mean() for name in candidates]
    gap = find_modality_gap(embedded, "text", candidates, "volume", device="cpu", before=by_volume)
    return {
        "R@1": by_own.recall[1],
        "R@1 by volume": by_volume.recall[1],
        "mean volume": float(volume(torch.stack(list(vectors.values()), dim=1)).mean()),
        "volume AUC": distributions(embedded, candidates=candidates, query="text").auc,
        "mean cosine": float(torch.stack(cosines).mean()),
        "modality gap": float(np.mean(list(gap.distances.values()))),
        "hub share": find_hubs(embedded, "text", candidates, "volume", device="cpu").top_share,
        "flipped": float(len(find_sign_flips(embedded).flipped)),
    }


def correlations(points: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield a row a scope, target, predictor and coefficient, from the rows of single seeds."""
    single = points[(points["seed"] != ALL_SEEDS) & (points["step"] > 0)]
    wide = single.pivot_table(index=["loss", "seed", "step"], columns="metric", values="value").reset_index()
    for scope in SCOPES:
        own = wide[wide["loss"] == scope.removeprefix("within ")] if scope.startswith("within") else wide
        if scope == "at the end":
            own = own[own["step"] == own["step"].max()]
        blocks = [part for _, part in own.groupby(["loss", "seed"])]
        for target in TARGETS:
            for predictor in PREDICTORS:
                pairs = [part[[predictor, target]].to_numpy() for part in blocks]
                for name, value, low, high in _coefficients(pairs):
                    yield {
                        "loss": "", "step": -1, "scope": scope, "target": target, "predictor": predictor,
                        "metric": name, "value": value, "low": low, "high": high, "interval": "runs",
                        "seed": ALL_SEEDS, "seeds": len({part["seed"].iloc[0] for part in blocks}),
                    }  # fmt: skip


def _coefficients(blocks: list[np.ndarray]) -> Iterator[tuple[str, float, float, float]]:
    """Yield each coefficient over all rows of the blocks, with its interval over draws of whole blocks.

    All blocks have as many rows, so that every draw has.
    """
    stacked = np.stack(blocks)
    draws = np.random.default_rng(0).integers(len(blocks), size=(_RESAMPLES, len(blocks)))
    whole, samples = stacked.reshape(1, -1, 2), stacked[draws].reshape(_RESAMPLES, -1, 2)
    for name, prepared in (("pearson", lambda rows: rows), ("spearman", lambda rows: stats.rankdata(rows, axis=1))):
        value, values = float(_pearson(prepared(whole))[0]), _pearson(prepared(samples))
        low, high = np.nanquantile(values, [0.025, 0.975]) if not np.isnan(values).all() else (np.nan, np.nan)
        yield name, value, float(low), float(high)


def _pearson(rows: Float[np.ndarray, "samples n 2"]) -> Float[np.ndarray, " samples"]:
    """Return Pearson's r of two columns, of ranks Spearman's rho; NaN where one is constant or n is below 3."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=1))
    able = (spread > _CONSTANT * np.abs(rows).max(axis=1).clip(1.0)).all(axis=1) & (rows.shape[1] >= 3)
    product = np.where(able, spread.prod(axis=1), 1.0)
    return np.where(able, (centred[..., 0] * centred[..., 1]).mean(axis=1) / product, np.nan)


def strengths(frame: pd.DataFrame, scope: str, target: str = "R@1") -> dict[str, pd.Series]:
    """Return the Spearman row of each predictor in a scope, the strongest first, whatever its sign."""
    rows = frame[(frame["scope"] == scope) & (frame["target"] == target) & (frame["metric"] == "spearman")]
    found = {row["predictor"]: row for _, row in rows.iterrows() if not np.isnan(row["value"])}
    return dict(sorted(found.items(), key=lambda item: -abs(item[1]["value"])))


def finding(frame: pd.DataFrame) -> str:
    """Return one sentence: how R@1 goes with the mean volume in each scope, what goes best, and what misleads."""
    said, misled = [], []
    for scope in SCOPES:
        found = strengths(frame, scope)
        own = found.get("mean volume")
        if own is None or not own["high"] < 0:
            misled.append(scope)
        if own is None:
            said.append(f"{scope} unknown")
            continue
        best = next(iter(found))
        ahead = "the closest" if best == "mean volume" else f"{best} is closer, {found[best]['value']:+.2f}"
        said.append(f"{scope} {own['value']:+.2f} ({own['low']:+.2f} to {own['high']:+.2f}; {ahead})")
    trust = f"no sign of a better R@1 {' nor '.join(misled)}" if misled else "a sign of a better R@1 in all of these"
    return (
        f"Spearman's correlation of R@1 with the mean volume is {listed(said)}, so a smaller volume is {trust}; "
        f"{_after_training(frame)}."
    )


def headline(frame: pd.DataFrame) -> str:
    """Return the finding in short, without its intervals."""
    signs: list[str] = []
    others: list[str] = []
    for scope in SCOPES:
        own = strengths(frame, scope).get("mean volume")
        told = f"{scope} {'unknown' if own is None else format(own['value'], '+.2f')}"
        (signs if own is not None and own["high"] < 0 else others).append(told)
    return (
        f"Spearman's correlation of R@1 with the mean volume, where a smaller one goes with a higher R@1: "
        f"{listed(signs)}; where that is not seen: {listed(others)}."
    )


def _after_training(frame: pd.DataFrame) -> str:
    """Return what the last checkpoints say: volume and R@1 of both losses, hubs by volume, modalities turned round."""
    last = frame[frame["step"] == frame["step"].max()]
    said = []
    for loss in COMPARED:
        found = {
            name: single_row(last, loss=loss, metric=name) for name in ("mean volume", "R@1", "hub share", "flipped")
        }
        said.append(
            f"the {loss} model has a mean volume of {number(found['mean volume'])} at an R@1 of {share(found['R@1'])}, "
            f"1 % of its candidates take {100 * found['hub share']['value']:.1f} % of the first places by volume, and "
            f"{found['flipped']['value']:.1f} of its modalities lie on the opposite side"
        )
    return f"after training {listed(said)}"


def figure(frame: pd.DataFrame, *, predictor: str = "mean volume", dark: bool = False) -> go.Figure:
    """Return R@1 by each loss's own measure against a predictor: a point a checkpoint of a run, joined along a run.

    Args:
        frame: the table.
        predictor: "mean volume", "volume AUC", "mean cosine" or "modality gap".
        dark: for a dark ground.

    Raises:
        ValueError: the table has no such predictor.
    """
    single = frame[(frame["seed"] != ALL_SEEDS) & (frame["step"] >= 0)]
    if predictor not in set(single["metric"]):
        raise ValueError(f"predictor: expected a metric of the table, got {predictor!r}")
    wide = single.pivot_table(index=["loss", "seed", "step"], columns="metric", values="value").reset_index()
    drawn = go.Figure()
    for side, loss in enumerate(COMPARED):
        rho = over_seeds(frame, metric="spearman", target="R@1", predictor=predictor, scope=f"within {loss}")
        told = f"{loss} loss (ρ = {style.number(float(rho['value'].iloc[0]))})" if len(rho) else f"{loss} loss"
        for place, (seed, run) in enumerate(wide[wide["loss"] == loss].groupby("seed")):
            run = run.sort_values("step")
            drawn.add_scatter(
                x=run[predictor], y=100 * run["R@1"], mode="lines+markers", name=told, legendgroup=loss, meta=loss,
                showlegend=place == 0, line={"color": style.rgba(style.RANKING_COLOURS[side][dark], 0.35), "width": 1},
                marker=chart.marker(side, dark, size=8), customdata=[[seed, step] for step in run["step"]],
                hovertemplate=f"{loss}, seed %{{customdata[0]}}, step %{{customdata[1]:,}}<br>{predictor} %{{x:.3f}}"
                "<br>R@1 <b>%{y:.1f} %</b><extra></extra>",
            )  # fmt: skip
    chart.lay_out_recall(drawn, height=420, dark=dark)
    return drawn.update_xaxes(title=predictor, zeroline=False)
