"""When items are at fault: hubs, rows that are degenerate, incomplete, swapped or there twice."""

import numpy as np
import torch

from gram.diagnostics.dataset.base import Check, Finding
from gram.diagnostics.dataset.context import MIN_RECALL_CHANGE, DiagnosisContext, Judgement, listing, percent
from gram.diagnostics.dataset.numerics import find_duplicates
from gram.diagnostics.dataset.swapped_rows import find_swapped, misaligned_rows

HUB_WINS, HUB_TIMES = 3, 5  # of other queries, and times the mean: less happens to many a candidate


def check_hubs(context: DiagnosisContext) -> Judgement:
    """Judge whether few candidates take the first places of many queries, or small bases those of some."""
    hubs = context.hubs
    by_chance = hubs.taken_by_chance()
    wins = hubs.occurrences - hubs.own
    top = np.argsort(-wins, kind="stable")
    top = top[wins[top] >= max(HUB_WINS, HUB_TIMES * wins.mean())]
    recall, by_height = float(hubs.own.mean()), float((hubs.under_height or hubs).own.mean())
    found = bool(len(top)) and (hubs.crowded or hubs.base_costs)
    looked_at = (
        f"the top 1 % of candidates are first for {percent(hubs.taken)} of queries that are not theirs "
        f"({percent(by_chance)} if errors fell evenly); skewness {hubs.skewness:.1f}"
    )
    check = [Check(cause="hubs", text=looked_at, found=found)]
    if not found:
        return [], check
    taken = float(wins[top].sum() / hubs.occurrences.sum())
    numbers = {
        "hubs": len(top), "candidates": len(hubs.rows), "taken": taken, "by_chance": by_chance,
        "most_wins": float(wins.max()), "skewness": hubs.skewness, "top_share": hubs.top_share,
        "even_share": hubs.even_share, "base_correlation": hubs.base_correlation,
        "base_of_hubs": float(np.median(hubs.base[top])), "base_median": float(np.median(hubs.base)),
        "taken_under_height": (hubs.under_height or hubs).taken,
        "recall": recall, "recall_by_height": by_height,
    }  # fmt: skip
    text = (
        f"{len(top)} of {len(hubs.rows):,} candidates come first for {percent(taken)} of all queries, none of them "
        "their own"
    )
    if len(context.candidates) > 1 and numbers["base_of_hubs"] < numbers["base_median"]:
        text += f"; the median base of these hubs is {numbers['base_of_hubs']:.3g}, of all {numbers['base_median']:.3g}"
    remedy = "Measure CSLS or a dual softmax: both take from candidates that are near to many queries."
    if hubs.base_costs:
        remedy = (
            f"Rank by height, which leaves the base out: R@1 is {percent(by_height)} in place of {percent(recall)}."
        )
    lost = by_height - recall if hubs.base_costs else 0.0
    return [
        Finding(
            cause="hubs", severity=min(1.0, max(hubs.taken - by_chance, lost)), title="Hubs take first places",
            text=f"{text}.", modalities=context.candidates,
            items=context.ids(hubs.rows[top]), numbers=numbers, remedy=remedy,
        )
    ], check  # fmt: skip


def check_rows(context: DiagnosisContext) -> Judgement:
    """Judge items whose vectors are collinear or not resolved, and those that lack modalities."""
    judged = [_check_collinear(context), _check_below_precision(context), _check_missing(context)]
    return [finding for found, _ in judged for finding in found], [check for _, check in judged]


def _check_collinear(context: DiagnosisContext) -> tuple[list[Finding], Check]:
    numerics, n = context.numerics, len(context.whole)
    rows = np.unique(np.concatenate([np.zeros(0, dtype=int), *(pair.rows for pair in numerics.collinear)]))
    text = f"{len(rows):,} of {n:,} items have two vectors within {numerics.limit:.1g} of one line"
    check = Check(cause="degenerate", text=text, found=bool(len(rows)))
    if not len(rows):
        return [], check
    pairs = {f"{pair.first} and {pair.second}": len(pair.rows) for pair in numerics.collinear}
    most = max(pairs, key=lambda name: pairs[name])
    return [
        Finding(
            cause="degenerate", severity=len(rows) / n, title="Vectors of an item on one line",
            text=f"{text}, most often {most} ({pairs[most]:,} items): "
            "their volume is next to nothing, whatever is asked.",
            modalities=tuple({name: None for pair in numerics.collinear for name in (pair.first, pair.second)}),
            items=context.ids(rows, of=context.whole), numbers={"items": len(rows), "of": n, "pairs": pairs},
            remedy="Look for one file or one encoder that stands for two modalities; until then rank by height.",
        )
    ], check  # fmt: skip


def _check_below_precision(context: DiagnosisContext) -> tuple[list[Finding], Check]:
    numerics, n = context.numerics, len(context.whole)
    precision = str(numerics.dtype).removeprefix("torch.")
    rows = np.setdiff1d(numerics.below_precision, np.concatenate([[], *(pair.rows for pair in numerics.collinear)]))
    check = Check(
        cause="unresolved", text=f"{len(rows):,} of {n:,} items have volumes that {precision} cannot tell from 0",
        found=bool(len(rows)),
    )  # fmt: skip
    if not len(rows):
        return [], check
    return [
        Finding(
            cause="unresolved", severity=len(rows) / n, title="Volumes below what the numbers resolve",
            text=f"{len(rows):,} of {n:,} items have a vector that is no farther from the span of its other vectors "
            f"than rounding to {precision} moves it: their volumes are noise.",
            modalities=(context.query, *context.candidates), items=context.ids(rows, of=context.whole),
            numbers={"items": len(rows), "of": n, "precision": precision},
            remedy="Store the vectors in float32." if precision == "float16" else "Rank by a cosine measure.",
        )
    ], check  # fmt: skip


def _check_missing(context: DiagnosisContext) -> tuple[list[Finding], Check]:
    numerics, whole = context.numerics, context.whole
    n, incomplete = len(whole), len(numerics.incomplete)
    check = Check(cause="missing", text=f"{incomplete:,} of {n:,} items lack a modality", found=bool(incomplete))
    if not incomplete:
        return [], check
    lacking = {name: count for name, count in numerics.missing.items() if count}
    numbers: dict[str, object] = {"items": incomplete, "of": n, "missing": lacking}
    each = listing([f"{name} ({count:,})" for name, count in lacking.items()])
    text = f"{incomplete:,} of {n:,} items lack a modality: {each}"
    right = context.before.per_item("R@1").numpy()
    parts = torch.stack([context.part.present(name) for name in context.part.names]).all(dim=0).numpy()
    complete = parts[context.before.rows.numpy()]
    severity = 0.5 * incomplete / n
    if complete.any() and not complete.all():
        numbers |= {
            "recall_complete": float(right[complete].mean()),
            "recall_incomplete": float(right[~complete].mean()),
        }
        text += (
            f"; R@1 of those that are ranked all the same is {percent(right[~complete].mean())}, "
            f"of complete items {percent(right[complete].mean())}"
        )
    return [
        Finding(
            cause="missing", severity=severity, title="Items lack modalities", text=f"{text}.",
            modalities=tuple(lacking), items=context.ids(numerics.incomplete, of=whole), numbers=numbers,
            remedy="Fill them in, judge complete items alone, or rank by normalized-volume or height: volumes of fewer "
            "vectors are not comparable.",
        )
    ], check  # fmt: skip


def check_swapped(context: DiagnosisContext) -> Judgement:
    """Judge whether rows of a modality belong to other items."""
    looked_at = find_swapped(context.whole, seed=context.seed)
    found = misaligned_rows(looked_at)
    most = max((len(swapped.rows) for swapped in looked_at), default=0)
    text = f"at most {most} vectors of a modality fit another item better than their own"
    if not looked_at:
        text = "modalities agree too little to tell"
    checks = [Check(cause="swapped", text=text, found=bool(found))]
    if not found:
        return [], checks
    first, names = found[0], tuple(swapped.name for swapped in found)
    moved = len(first.rows)
    order = ""
    if first.shift:
        many = "row" if abs(first.shift) == 1 else "rows"
        order = f", {abs(first.shift)} {many} {'above' if first.shift > 0 else 'below'}"
    elif first.exchanged > moved / 2:
        order = ", which has theirs in exchange"
    which = names[0] if len(names) == 1 else f"{listing(names)}, one or the other,"
    ids, owners = (context.ids(rows, of=context.whole) for rows in (first.rows, first.belongs))
    return [
        Finding(
            cause="swapped", severity=max(MIN_RECALL_CHANGE, first.suspects / first.items),
            title=f"Rows of {' or '.join(names)} are swapped",
            text=f"{moved:,} vectors of {which} fit another item{order} as vectors fit their own; "
            f"{first.suspects:,} of {first.items:,} do not fit their own.",
            modalities=names, items=ids,
            numbers={"rows": moved, "exchanged": first.exchanged, "shift": first.shift, "suspects": first.suspects,
                     "of": first.items, "chance": first.chance, "belongs": dict(zip(ids, owners))},
            remedy=f"Join {names[0]} anew by id: its files or rows are in another order than the items.",
        )
    ], checks  # fmt: skip


def check_duplicates(context: DiagnosisContext) -> Judgement:
    """Judge whether items cannot be told apart."""
    duplicates = find_duplicates(context.whole, context.query, context.candidates)
    counts = {
        "in every modality": int((duplicates.items >= 0).sum()),
        "in the candidates": int((duplicates.candidates >= 0).sum()),
        "in the query": int((duplicates.query >= 0).sum()),
    }
    n, most = len(context.whole), max(counts, key=lambda kind: counts[kind])
    looked_at = (
        f"{counts[most]:,} of {n:,} items have the same vectors as another; R@1 can reach {percent(duplicates.ceiling)}"
    )
    checks = [Check(cause="duplicates", text=looked_at, found=bool(counts[most]))]
    if not counts[most]:
        return [], checks
    groups = {"in the candidates": duplicates.candidates, "in the query": duplicates.query}.get(most, duplicates.items)
    rows = np.flatnonzero(groups >= 0)
    rows = rows[np.argsort(groups[rows], kind="stable")]
    return [
        Finding(
            cause="duplicates", severity=min(1.0, 1 - duplicates.ceiling), title="Items that cannot be told apart",
            text=f"{counts[most]:,} of {n:,} items have the same vectors as another item {most}, so R@1 can be "
            f"{percent(duplicates.ceiling)} at the most.",
            modalities={"in the candidates": context.candidates, "in the query": (context.query,)}.get(
                most, (context.query, *context.candidates)
            ),
            items=context.ids(rows, of=context.whole),
            numbers={"items": counts, "of": n, "groups": int(groups.max() + 1), "ceiling": duplicates.ceiling},
            remedy="Keep one item of each group, or count any of a group as right.",
        )
    ], checks  # fmt: skip
