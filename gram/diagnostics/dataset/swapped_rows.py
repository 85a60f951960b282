"""Swapped rows: vectors that belong to other items, after a wrong join or a file that is one row late.

A vector that does not fit its own item may merely be corrupted. It is swapped if it fits another item as well as
vectors usually fit theirs, and that item's own vector does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.stats import binom, poisson
from torch import Tensor

from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics.dataset.base import Checked, CleanSet, Finding, register
from gram.diagnostics.dataset.context import MIN_RECALL_CHANGE, DiagnosisContext, join_names
from gram.diagnostics.dataset.sign_flips import PairCosines, find_sign_flips

LEAST_PAIRS = 2  # of exchanged items: one pair may be two similar items
LEAST_CHANCE = 1e-3  # that corrupted vectors would point at each other so often
# Below this many standard deviations between matched and mismatched, a row does not know its own item well enough to
# tell that it fits another one better.
LEAST_EFFECT = 1.5
_SCORES_AT_ONCE = 1 << 22  # 16 MB in float32
_MOST_SUSPECTS = 4000


@dataclass(frozen=True, kw_only=True, eq=False)
class SwappedRows:
    """Rows of one modality that are misaligned with the others.

    Attributes:
        name: the modality.
        rows: (m,) rows of the set whose vector fits another item, ascending; only those that follow the pattern if
            there is one, for among many corrupted vectors some fit another item by chance.
        belongs: (m,) the rows of the items that those vectors fit.
        suspects: how many vectors fit their own item no better than halfway between a matched and a mismatched one.
        inward: how many of the suspects looked at fit, of all items, that of another suspect best.
        items: how many items have the modality and another.
        chance: probability that corrupted vectors alone look as much like a swap.
    """

    name: str
    rows: Int[np.ndarray, " m"]
    belongs: Int[np.ndarray, " m"]
    suspects: int
    inward: int
    items: int
    chance: float

    @property
    def certain(self) -> bool:
        """Whether rows were swapped: more than one pair of items, and chance does not explain it."""
        return len(self.rows) >= 2 * LEAST_PAIRS and self.chance < LEAST_CHANCE

    @property
    def exchanged(self) -> int:
        """How many are exchanged in pairs: i's vector fits j and j's fits i."""
        return int(_exchanged(self.rows, self.belongs).sum())

    @property
    def shift(self) -> int:
        """By how many rows more than half of them are moved, down if positive; 0 where there is no such shift."""
        shift, count = _commonest_shift(self.rows, self.belongs)
        return shift if count > len(self.rows) / 2 else 0


def find_swapped(embedding_set: EmbeddingSet, *, seed: int = 0) -> tuple[SwappedRows, ...]:
    """Return, for each modality that agrees with any other, the rows that are misaligned with the others.

    Row i's vector x_i and what the other modalities say of item j, c_j = sum_a w_a y_aj over centred unit vectors with
    w_a how well modality a agrees, have the cosine S_ij. Vector i belongs to item j rather than i if

        S_ij = max over all j,  S_ij = max over all i,  S_ij - max(S_ii, S_jj) >= median_i S_ii / 2.

    Vectors with S_ii below half the median are suspects. Corrupted vectors are suspects too, but fit at random, and the
    chance that they look like a swap is the least of three, times three: that so many suspects fit that of another
    suspect best (binomial, with the suspects' share of the items); that so many are exchanged in pairs (Poisson); that
    so many are moved by the same number of rows (binomial, times the numbers there are). If the shift or
    the exchange is beyond chance, only the rows that follow it are returned, the shift's before the exchange's.
    With two modalities only, nothing tells which of them was moved, and both are returned.

    Args:
        embedding_set: n items in k modalities; rows are normalised here.
        seed: of the choice of suspects, where there are more than 4,000.
    """
    unit = embedding_set.normalized()
    pairs = find_sign_flips(embedding_set).pairs
    found = [_swapped_rows(unit, name, pairs, seed) for name in unit.names]
    return tuple(swapped for swapped in found if swapped is not None)


def misaligned_rows(found: Sequence[SwappedRows]) -> tuple[SwappedRows, ...]:
    """Return those that are certain and not merely the other side of a swap: with the most rows, or nearly as many."""
    certain = [swapped for swapped in found if swapped.certain]
    most = max((len(swapped.rows) for swapped in certain), default=0)
    return tuple(swapped for swapped in certain if len(swapped.rows) > 0.8 * most)


def _swapped_rows(unit: EmbeddingSet, name: str, pairs: Sequence[PairCosines], seed: int) -> SwappedRows | None:
    weights = {
        ({pair.first, pair.second} - {name}).pop(): pair.effect
        for pair in pairs
        if name in (pair.first, pair.second) and pair.sign
    }
    if not weights:
        return None
    own = _directions(_centred(unit.modalities[name]))
    others = _directions(
        torch.stack([weight * _centred(unit.modalities[other]) for other, weight in weights.items()]).sum(dim=0)
    )
    rows = (own.any(dim=1) & others.any(dim=1)).nonzero().flatten()
    own, others = own[rows], others[rows]
    matched = (own * others).sum(dim=1)
    typical = matched.median()
    mismatched = (own[torch.arange(len(own)).roll(1)] * others).sum(dim=1)
    if len(rows) < 2 * LEAST_PAIRS or typical < LEAST_EFFECT * mismatched.std():
        return None
    suspects = (matched < typical / 2).nonzero().flatten()
    searched = _some(suspects, seed)
    best, target = _nearest(own[searched], others)
    inward = int((torch.isin(target, suspects) & (target != searched)).sum())
    gains = best - torch.maximum(matched[searched], matched[target])
    kept = (gains >= typical / 2) & (target != searched)
    searched, target = searched[kept], target[kept]
    _, source = _nearest(others[target], own)
    mutual = source == searched
    searched, target = searched[mutual], target[mutual]
    moved, belongs = rows[searched].numpy(), rows[target].numpy()
    chance, part = _pattern(moved, belongs, inward, len(suspects), len(rows))
    return SwappedRows(
        name=name, rows=moved[part], belongs=belongs[part], suspects=len(suspects), inward=inward, items=len(rows),
        chance=chance,
    )  # fmt: skip


def _pattern(
    moved: np.ndarray, belongs: np.ndarray, inward: int, suspects: int, items: int
) -> tuple[float, Bool[np.ndarray, " m"]]:
    """Return the probability that random fits show as clear a pattern, and which rows follow it."""
    if not len(moved):
        return 1.0, np.zeros(0, dtype=bool)
    shift, alike = _commonest_shift(moved, belongs)
    exchanged = _exchanged(moved, belongs)
    patterns = (
        (2 * items * binom.sf(alike - 1, len(moved), 1 / suspects), moved - belongs == shift),
        (poisson.sf(exchanged.sum() / 2 - 1, (len(moved) / suspects) ** 2 / 2), exchanged),
        (binom.sf(inward - 1, min(suspects, _MOST_SUSPECTS), suspects / items), np.ones(len(moved), dtype=bool)),
    )
    certain = [pattern for pattern in patterns if len(patterns) * pattern[0] < LEAST_CHANCE]
    chance, part = certain[0] if certain else patterns[-1]
    return min(1.0, len(patterns) * float(chance)), part


def _exchanged(moved: np.ndarray, belongs: np.ndarray) -> Bool[np.ndarray, " m"]:
    """Return which vectors belong to the row of the one that belongs to theirs."""
    to = dict(zip(moved.tolist(), belongs.tolist()))
    return np.array([to.get(target) == row for row, target in to.items()], dtype=bool)


def _commonest_shift(moved: np.ndarray, belongs: np.ndarray) -> tuple[int, int]:
    """Return the commonest distance from the row that a vector belongs to, to the row where it is, and how common."""
    if not len(moved):
        return 0, 0
    shifts, counts = np.unique(moved - belongs, return_counts=True)
    return int(shifts[counts.argmax()]), int(counts.max())


def _centred(rows: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    """Return the rows less their mean, and zeros where one is missing."""
    return (rows - rows.nanmean(dim=0)).nan_to_num(0.0)


def _directions(rows: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    return torch.nn.functional.normalize(rows, dim=1)


def _some(rows: Int[Tensor, " m"], seed: int) -> Int[Tensor, " m"]:
    if len(rows) <= _MOST_SUSPECTS:
        return rows
    picked = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))[:_MOST_SUSPECTS]
    return rows[picked.sort().values]


def _nearest(
    rows: Float[Tensor, "m d"], gallery: Float[Tensor, "n d"]
) -> tuple[Float[Tensor, " m"], Int[Tensor, " m"]]:
    """Return the largest product of each row with any of the others, and which it is."""
    best, which = torch.empty(len(rows)), torch.empty(len(rows), dtype=torch.int64)
    step = max(1, _SCORES_AT_ONCE // len(gallery))
    for start in range(0, len(rows), step):
        block = slice(start, start + step)
        best[block], which[block] = (rows[block] @ gallery.mT).max(dim=1)
    return best, which


def plant_swapped_rows(clean: CleanSet) -> dict[str, Any]:
    """Exchange 2 to 30 % of a modality's rows: in pairs, around, or shifted by one."""
    name = str(clean.rng.choice(list(clean.rows)))
    kind = str(clean.rng.choice(["pairs", "around", "shifted"]))
    items = clean.draw_items(0.02, 0.30)
    if kind == "pairs":
        items = items[: len(items) // 2 * 2]
        sources = items.reshape(-1, 2)[:, ::-1].reshape(-1)
    else:
        if kind == "shifted":
            start = int(clean.rng.integers(len(clean.rows[name]) - len(items) + 1))
            items = np.arange(start, start + len(items))
        sources = np.roll(items, 1)
    clean.rows[name][items] = clean.rows[name][sources]
    return {"modalities": [name], "items": items, "kind": kind}


@register("swapped", order=100, stage="swapped rows", plant=plant_swapped_rows)
def check_swapped_rows(context: DiagnosisContext) -> Checked:
    """Check whether rows of a modality belong to other items."""
    examined = find_swapped(context.whole, seed=context.seed)
    most = max((len(swapped.rows) for swapped in examined), default=0)
    looked_at = f"at most {most} vectors of a modality fit another item better than their own"
    if not examined:
        looked_at = "modalities agree too little to tell"
    found = misaligned_rows(examined)
    if not found:
        return looked_at, []
    first, names = found[0], tuple(swapped.name for swapped in found)
    which = names[0] if len(names) == 1 else f"{join_names(names)}, one or the other,"
    ids, owners = (context.ids(rows, of=context.whole) for rows in (first.rows, first.belongs))
    finding = Finding(
        cause="swapped", severity=max(MIN_RECALL_CHANGE, first.suspects / first.items),
        title=f"Rows of {' or '.join(names)} are swapped",
        text=f"{len(first.rows):,} vectors of {which} fit another item{_pattern_in_words(first)} as well as "
        f"vectors usually fit their own; {first.suspects:,} of {first.items:,} do not fit their own.",
        modalities=names, items=ids,
        numbers={"rows": len(first.rows), "exchanged": first.exchanged, "shift": first.shift,
                 "suspects": first.suspects, "of": first.items, "chance": first.chance,
                 "belongs": dict(zip(ids, owners))},
        remedy=f"Join {names[0]} anew by id: its files or rows are in another order than the items.",
    )  # fmt: skip
    return looked_at, [finding]


def _pattern_in_words(swapped: SwappedRows) -> str:
    if swapped.shift:
        rows = "row" if abs(swapped.shift) == 1 else "rows"
        return f", {abs(swapped.shift)} {rows} {'above' if swapped.shift > 0 else 'below'},"
    return ", which has theirs in exchange," if swapped.exchanged > len(swapped.rows) / 2 else ""
