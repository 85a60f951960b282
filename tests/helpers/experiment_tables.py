"""What tests of experiments share: brute-force recall, tables made or altered by hand, traces of figures."""

import numpy as np
import pandas as pd

from gram.experiments import BUDGETS, EXPERIMENTS

QUICK = BUDGETS["quick"]
SEEDS = (0, 1)


def volumes(anchor, *others):
    """Return the volume of every anchor with every candidate, by the R of a QR of each stack."""
    found = np.empty((len(anchor), len(others[0])))
    for row, tip in enumerate(anchor):
        for column in range(len(others[0])):
            stack = [tip, *(other[column] for other in others if not np.isnan(other[column]).any())]
            found[row, column] = np.abs(np.prod(np.diag(np.linalg.qr(np.array(stack).T)[1])))
    return found


def hits(scores):
    """Return whether the diagonal is the best of its row, shared among ties."""
    best = np.isclose(scores, scores.max(axis=1, keepdims=True), rtol=0, atol=1e-9)
    return np.diag(best) / best.sum(axis=1)


def scores_of(measure, vectors, candidates):
    text, others = vectors["text"], [vectors[name] for name in candidates]
    if measure == "volume":
        return -volumes(text, *others)
    return np.nanmean([text @ other.T for other in others], axis=0)


def one(frame, **wanted):
    """Return the value of the one row that has these values."""
    chosen = np.logical_and.reduce([frame[name] == value for name, value in wanted.items()])
    assert chosen.sum() == 1, wanted
    return frame[chosen].iloc[0]


def altered(frame: pd.DataFrame, value: float, *, reach: float = 0.01, **wanted: object) -> pd.DataFrame:
    """Return the table with the rows that have the wanted values set to a value with an interval around it."""
    changed = frame.copy()
    chosen = pd.Series(True, index=frame.index)
    for name, each in wanted.items():
        chosen &= frame[name] == each
    assert chosen.any(), wanted
    for column, number in (("value", value), ("low", value - reach), ("high", value + reach)):
        changed.loc[chosen, column] = number
    return changed


def row(metric, value, **keys):
    """Return a row for all seeds together."""
    return {
        **keys, "metric": metric, "value": value, "low": value - 0.02, "high": value + 0.03, "interval": "seeds",
        "seed": -1, "seeds": 3,
    }  # fmt: skip


def made_table(name):
    """Return a made table of an experiment: each value is its own, so that it is found again in the figure."""
    losses = {"gram": 0.0, "cosine": 0.1}
    if name == "losses-and-measures":
        return [
            row("R@1", 0.3 + shift + 0.05 * place + turn, loss=loss, measure=measure, direction=direction)
            for loss, shift in losses.items()
            for place, measure in enumerate(("volume", "height", "cosine"))
            for turn, direction in ((0.0, "query-to-candidates"), (0.2, "candidates-to-query"))
        ]
    if name == "modalities":
        steps = ("image", "image+speech", "image+speech+tones")
        return [
            row("R@1", 0.2 + shift + 0.1 * place - (0.05 if trained != tested else 0), loss=loss, trained=trained,
                tested=tested, measure={"gram": "volume", "cosine": "cosine"}[loss], against="")
            for loss, shift in losses.items()
            for trained in steps
            for place, tested in enumerate(steps)
            if len(tested) <= len(trained)
        ]  # fmt: skip
    if name == "volume-as-metric":
        keys = {"scope": "", "target": "", "predictor": ""}
        points = [
            {**row(metric, value, loss=loss, step=step, **keys), "seed": seed}
            for loss, shift in losses.items()
            for seed in (0, 1)
            for step in (0, 10)
            for metric, value in (("R@1", 0.2 + shift + 0.04 * step), ("mean volume", 0.9 - 0.05 * step + 0.01 * seed))
        ]
        found = [
            row("spearman", -0.5, loss="", step=-1, scope=f"within {loss}", target="R@1", predictor="mean volume")
            for loss in losses
        ]
        return points + found
    if name == "sensitivity":
        settings = {"d": ("4", "16"), "temperature": ("0.1", "0.5", "learned"), "batch": ("12", "24")}
        return [
            row("R@1", 0.2 + shift + 0.1 * place, loss=loss, varied=varied, setting=setting,
                place=np.nan if setting == "learned" else float(setting))
            for loss, shift in losses.items()
            for varied, words in settings.items()
            for place, setting in reversed(list(enumerate(words)))
        ]  # fmt: skip
    if name == "unequal":
        return [
            row("R@1", 0.5 + shift - 0.1 * place - (0.02 if measure == "height" else 0), loss=loss, degradation=kind,
                measure=measure)
            for loss, shift in losses.items()
            for place, kind in enumerate(("none", "noisy", "missing-90"))
            for measure in ("volume", "height", "cosine")
        ]  # fmt: skip
    if name == "coarse-and-fine":
        kinds = (("whole", "whole"), ("mixed", "whole"), ("mixed", "parity"))
        return [
            row(metric, value, loss=loss, trained=trained, asked=asked, measure=measure)
            for loss, shift in losses.items()
            for measure in ("volume", "cosine")
            for place, (trained, asked) in enumerate(kinds)
            for metric, value in (("hit", 0.6 + shift - 0.1 * place), ("chance", 0.5 if asked == "parity" else 0.01))
        ]
    if name == "rivals":
        of_four, of_three = "text+image+speech+tones", "text+image+speech"
        each = (
            ("gram", of_four, "volume", 0.5),
            ("symile", of_four, "symile", 0.7),
            ("triangle", of_three, "triangle", 0.4),
        )
        return [
            row(metric, value, loss=loss, modalities=kinds, measure=measure)
            for loss, kinds, own, height in each
            for metric, measure, value in (
                ("R@1", own, height), ("R@1", "cosine", height - 0.2), ("R@1 difference", own, height - 0.5),
            )
        ]  # fmt: skip
    rows = [
        row(metric, value + shift, loss=loss, modality=name)
        for loss, shift in losses.items()
        for name in ("text", "image", "all")
        for metric, value in (("silhouette", -0.2), ("probe accuracy", 0.4))
    ]
    return rows + [row("trustworthiness", 0.8 + shift, loss=loss, modality="all") for loss, shift in losses.items()]


def figure(name, **options):
    return EXPERIMENTS.get(name).figure(pd.DataFrame(made_table(name)), **options)


def traces(found, name):
    return [trace for trace in found.data if trace.name == name]
