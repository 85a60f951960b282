"""Sign flips: modalities whose matched cosines are reliably negative, and how to flip them back.

A volume does not see the sign of a vector, V(t) = V(-t), so training on volumes may leave a modality opposite to the
others: it then ranks well by volume and at the bottom by cosine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from gram import measures
from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics.dataset.base import Checked, CleanSet, Finding, register
from gram.diagnostics.dataset.context import NORMAL_95, DiagnosisContext, join_names, percent

RELIABLE = 3.29  # standard errors: the two-sided 99.9 % of a normal distribution, for a set has many pairs to look at
# A mean over thousands of items is reliable however small it is. Below a fifth of the spread of mismatched cosines, the
# sign of a modality decides less than one comparison in twelve: not worth a flip.
LEAST_EFFECT = 0.2
_ALL_SIGNS_UP_TO = 12  # modalities: 2^11 ways to flip them; above, one is flipped at a time


@dataclass(frozen=True, kw_only=True)
class PairCosines:
    """The cosines of two modalities: of the same item (matched) and of different items (mismatched).

    Attributes:
        first: one modality.
        second: the other.
        items: how many items have both.
        matched: mean cosine of an item's two vectors.
        matched_interval: its 95 % interval, from the standard error of the mean.
        mismatched: mean cosine of vectors of different items, over all pairs of them.
        spread: standard deviation of mismatched cosines once each modality is centred.
        excess: matched - mismatched, which a modality gap does not change.
        error: standard error of the excess.
    """

    first: str
    second: str
    items: int
    matched: float
    matched_interval: tuple[float, float]
    mismatched: float
    spread: float
    excess: float
    error: float

    @property
    def effect(self) -> float:
        """The excess in units of the spread: 0 for modalities that have nothing to do with each other."""
        return self.excess / self.spread if self.spread > 0 else 0.0

    @property
    def sign(self) -> int:
        """1 where the excess is reliably positive, -1 where it is reliably negative, else 0."""
        reliable = abs(self.excess) > RELIABLE * self.error and abs(self.effect) >= LEAST_EFFECT
        return int(np.sign(self.excess)) if reliable else 0


@dataclass(frozen=True, kw_only=True)
class SignFlips:
    """Agreement of the signs of a set's modalities.

    Attributes:
        pairs: every pair of modalities, in the set's order.
        negative: the pairs whose matched cosine is reliably below the mismatched one.
        flipped: the modalities to flip so that as little as possible is left of those.
    """

    pairs: tuple[PairCosines, ...]
    negative: tuple[PairCosines, ...]
    flipped: tuple[str, ...]


def find_sign_flips(embedding_set: EmbeddingSet) -> SignFlips:
    """Return the matched cosines of each pair of modalities, and which modalities lie on the opposite side.

    Two modalities may agree and yet have a negative mean cosine, if their centroids lie apart; so a sign is read off
    the excess of matched over mismatched cosines,

        n / (n - 1) * mean_i (x_i - mean x) . (y_i - mean y),

    of unit rows, with its standard error over the items. Items that lack either are left out of a pair; a pair with
    fewer than two items has excess 0.

    Args:
        embedding_set: n items in k modalities; rows are normalised here.
    """
    unit = embedding_set.normalized()
    pairs = tuple(
        pair_cosines(unit.modalities[first], unit.modalities[second], first=first, second=second)
        for first, second in combinations(unit.names, 2)
    )
    flipped = _to_flip(unit.names, unit.anchor, pairs)
    return SignFlips(pairs=pairs, negative=tuple(pair for pair in pairs if pair.sign < 0), flipped=flipped)


def reorient(embedding_set: EmbeddingSet) -> EmbeddingSet:
    """Return the set with whole modalities flipped so that matched cosines are as positive as they can be.

    Of all signs, with the anchor's kept, those are chosen that make the sum of the reliable excesses of
    `find_sign_flips` largest; signs that change nothing are left alone. Vectors keep their lengths and NaN rows stay.
    `info["reoriented"]` names those that were flipped.
    """
    return sign_flipped(embedding_set, find_sign_flips(embedding_set).flipped)


def sign_flipped(embedding_set: EmbeddingSet, names: Sequence[str]) -> EmbeddingSet:
    """Return the set with every vector of these modalities negated."""
    return EmbeddingSet(
        {name: -rows if name in names else rows for name, rows in embedding_set.modalities.items()},
        embedding_set.items,
        {**embedding_set.info, "reoriented": list(names)},
    )


def pair_cosines(x: Float[Tensor, "n d"], y: Float[Tensor, "n d"], *, first: str, second: str) -> PairCosines:
    """Return the cosines of two modalities given as unit rows, NaN where one is missing."""
    both = ~(x.isnan().any(dim=1) | y.isnan().any(dim=1))
    x, y = x[both].double(), y[both].double()
    n, cosines = len(x), (x * y).sum(dim=1)
    matched, mismatched = float(cosines.mean()), float("nan")
    reach = spread = excess = error = 0.0
    if n > 1:
        reach = NORMAL_95 * float(cosines.std()) / n**0.5
        x, y = x - x.mean(dim=0), y - y.mean(dim=0)
        products = (x * y).sum(dim=1)
        excess, error, spread = float(products.sum()) / (n - 1), float(products.std()) / n**0.5, _spread(x, y)
        mismatched = matched - excess
    return PairCosines(
        first=first, second=second, items=n, matched=matched, matched_interval=(matched - reach, matched + reach),
        mismatched=mismatched, spread=spread, excess=excess, error=error,
    )  # fmt: skip


def _spread(x: Float[Tensor, "n d"], y: Float[Tensor, "n d"]) -> float:
    """Return the root mean square of x_i . y_j over all i and j, from whichever product is smaller."""
    n, d = x.shape
    squares = (x @ y.mT).square().sum() if n < d else ((x.mT @ x) * (y.mT @ y)).sum()
    return float(squares.clamp_min(0).sqrt()) / n


def _to_flip(names: Sequence[str], anchor: str, pairs: Sequence[PairCosines]) -> tuple[str, ...]:
    """Return the fewest modalities whose flip gives the largest sum of reliable excesses."""
    place = {name: number for number, name in enumerate([anchor, *(name for name in names if name != anchor)])}
    excess = np.zeros((len(names), len(names)))
    for pair in pairs:
        a, b = place[pair.first], place[pair.second]
        excess[a, b] = excess[b, a] = pair.excess if pair.sign else 0.0
    if len(names) <= _ALL_SIGNS_UP_TO:
        signs = np.array([(1, *rest) for rest in product((1, -1), repeat=len(names) - 1)])
        sums = np.round(np.einsum("sa,ab,sb->s", signs, excess, signs), 12)
        best = signs[np.lexsort(((signs < 0).sum(axis=1), -sums))[0]]
    else:
        best = _climb(excess)
    return tuple(name for name in names if best[place[name]] < 0)


def _climb(excess: np.ndarray) -> np.ndarray:
    """Return signs that no single flip improves, the first one kept."""
    signs = np.where(excess[0] < 0, -1, 1)
    signs[0] = 1
    while True:
        gains = -signs * (excess @ signs)
        gains[0] = 0
        if gains.max() <= 1e-12:
            return signs
        signs[gains.argmax()] *= -1


def sign_flips_of(context: DiagnosisContext) -> SignFlips:
    """Return how the signs of the ranked items agree."""
    return find_sign_flips(context.part)


def plant_sign_flip(clean: CleanSet) -> dict[str, Any]:
    """Flip up to half of the candidate modalities."""
    most = max(1, len(clean.candidates) // 2)
    names = sorted(clean.rng.choice(clean.candidates, size=clean.rng.integers(1, most + 1), replace=False).tolist())
    for name in names:
        clean.rows[name] *= -1
    return {"modalities": names}


@register("sign-flip", order=40, stage="signs", plant=plant_sign_flip)
def check_sign_flips(context: DiagnosisContext) -> Checked:
    """Check whether modalities lie on the opposite side."""
    flips = context.once(sign_flips_of)
    lowest = min((pair for pair in flips.pairs if pair.items), key=lambda pair: pair.effect, default=flips.pairs[0])
    looked_at = (
        f"matched cosines exceed mismatched ones by {lowest.excess:.2f} or more (least for {lowest.first} and "
        f"{lowest.second})"
    )
    if lowest.sign < 0 and not flips.flipped:
        looked_at = f"no turn of whole modalities makes all matched cosines exceed mismatched ones: {looked_at}"
    return looked_at, [_finding(context, flips)] if flips.flipped else []


def _finding(context: DiagnosisContext, flips: SignFlips) -> Finding:
    flipped, names = sign_flipped(context.part, flips.flipped), join_names(flips.flipped)
    recalls: dict[str, tuple[float, float]] = {}
    for measure in dict.fromkeys((context.measure, "volume", "cosine", "centroid")):
        if measures.get(measure).supports(1 + len(context.candidates)):
            before, after = (context.retrieval(each, measure) for each in (context.part, flipped))
            recalls[measure] = (before.recall[1], after.recall[1])
    gains = {measure: after - before for measure, (before, after) in recalls.items()}
    pair = max(flips.negative, key=lambda pair: -pair.effect)
    text = (
        f"{names.capitalize()} {'is' if len(flips.flipped) == 1 else 'are'} turned away from the others: the matched "
        f"cosine of {pair.first} and {pair.second} is {pair.matched:.2f} where mismatched ones are "
        f"{pair.mismatched:.2f}"
    )
    if abs(gains[context.measure]) < 1e-9:
        text += f"; {context.measure} does not see signs and gives the same R@1 either way"
    best = max(gains, key=lambda measure: gains[measure])
    remedy = f"Turn {names} round (`reorient`)"
    if gains[best] > 0:
        remedy += f": R@1 by {best} goes from {percent(recalls[best][0])} to {percent(recalls[best][1])}"
    numbers = {
        "pairs": [
            {"pair": [pair.first, pair.second], "matched": pair.matched, "interval": list(pair.matched_interval),
             "mismatched": pair.mismatched}
            for pair in flips.negative
        ],
        "recall": {measure: {"as_it_is": before, "turned": after} for measure, (before, after) in recalls.items()},
    }  # fmt: skip
    return Finding(
        cause="sign-flip", severity=min(1.0, max(0.3, gains[context.measure])),
        title=f"{names.capitalize()} on the opposite side", text=f"{text}.", modalities=flips.flipped,
        numbers=numbers, remedy=f"{remedy}.",
    )  # fmt: skip
