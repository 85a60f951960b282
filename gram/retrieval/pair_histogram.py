"""Streamed counts over mismatched pairs: a histogram, and what AUC, its jackknife and overlap need."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

_NORMAL_95 = 1.959964


def bins_of(values: Float[Tensor, "..."], edges: Float[np.ndarray, " bins+1"]) -> Int[Tensor, "..."]:
    """Return the bin of each value; bins are closed below, and the end bins take what lies beyond."""
    places = (values - edges[0]) * ((len(edges) - 1) / (edges[-1] - edges[0]))
    return places.floor().clamp(0, len(edges) - 2).long()


class PairHistogram:
    """Counts over mismatched pairs: bins, and by how many matched scores each is beaten.

    With w(x) the number of matched scores better than a mismatched score x (ties half), AUC = sum w / (n pairs).
    Leaving out item i takes away its matched score, and its row and its column of pairs:
    S_i = S - beats_i - rows_i - columns_i + beats_own_i.
    """

    def __init__(
        self,
        matched: Float[Tensor, " n"],
        picked: Int[Tensor, " m"],
        tolerance: float,
        sign: float,
        edges: Float[np.ndarray, " bins+1"],
    ) -> None:
        self._matched, self._picked, self._tolerance = matched, picked, tolerance
        self._sign, self._edges = sign, edges
        self._ordered = matched.sort()
        n = len(matched)
        self.counts = torch.zeros(len(edges) - 1, dtype=torch.long)
        # How many pairs are beaten from each place of the ordered matched scores on; beaten, and beaten or tied.
        self._steps = torch.zeros(2, n + 1, dtype=torch.long)
        # By how many matched scores the pairs of an item, as query or as candidate, are beaten ...
        self._beaten = torch.zeros(n, dtype=torch.float64)
        # ... and how many of those its own matched score beats.
        self._beats_own = torch.zeros(n, dtype=torch.float64)

    def add(self, rows: Int[Tensor, " q"], columns: Int[Tensor, " c"], scores: Float[Tensor, "q c"]) -> None:
        """Count a block of pairs; where a row is its own column the pair is matched, and is passed over."""
        other = rows[:, None] != columns
        size = len(self.counts)
        self.counts += torch.bincount(bins_of(scores[other] * self._sign, self._edges), minlength=size)
        n = len(self._matched)
        above = torch.searchsorted(self._ordered.values, scores + self._tolerance, right=True)
        not_below = torch.searchsorted(self._ordered.values, scores - self._tolerance)
        for steps, first in zip(self._steps, (above, not_below), strict=True):
            steps += torch.bincount(first[other], minlength=n + 1)
        beaten_by = (n - (above + not_below).double() / 2).where(other, 0.0)
        self._beaten.index_add_(0, rows, beaten_by.sum(dim=1))
        self._beaten.index_add_(0, columns, beaten_by.sum(dim=0))
        for places, own, axis in ((rows, self._matched[rows, None], 1), (columns, self._matched[columns], 0)):
            beats = (own > scores + self._tolerance).double() + (own >= scores - self._tolerance).double()
            self._beats_own.index_add_(0, places, (beats / 2).where(other, 0.0).sum(dim=axis))

    def auc(self) -> float:
        """Return the share of (matched, mismatched) comparisons that the matched score wins."""
        m = len(self._picked)
        return float(self._beats().sum() / (len(self._matched) * m * (m - 1)))

    def interval(self) -> tuple[float, float]:
        """Return the jackknife's 95 % interval of the AUC."""
        n, m, auc = len(self._matched), len(self._picked), self.auc()
        beats = self._beats()
        counted = torch.zeros(n, dtype=torch.bool)
        counted[self._picked] = True
        remaining = torch.where(counted, (m - 1) * (m - 2), m * (m - 1))
        without = (beats.sum() - beats - self._beaten + self._beats_own) / ((n - 1) * remaining)
        variance = float((n - 1) / n * (without - without.mean()).square().sum())
        if variance == 0 or auc in (0.0, 1.0):
            return auc, auc
        centre, reach = np.log(auc / (1 - auc)), _NORMAL_95 * np.sqrt(variance) / (auc * (1 - auc))
        low, high = 1 / (1 + np.exp(-(centre + np.array([-reach, reach]))))
        return float(low), float(high)

    def overlap(self) -> tuple[float, float]:
        """Return the least sum of both errors over all thresholds, and the threshold."""
        n, m = len(self._matched), len(self._picked)
        turned_away = torch.arange(n, dtype=torch.float64) / n
        let_in = 1 - self._steps[0].cumsum(0)[:-1].double() / (m * (m - 1))
        least = int((turned_away + let_in).argmin())
        return min(1.0, float(turned_away[least] + let_in[least])), float(self._ordered.values[least])

    def _beats(self) -> Float[Tensor, " n"]:
        """Return how many mismatched pairs each matched score beats, ties half."""
        beats = torch.empty(len(self._matched), dtype=torch.float64)
        beats[self._ordered.indices] = self._steps.sum(dim=0).cumsum(0)[:-1].double() / 2
        return beats
