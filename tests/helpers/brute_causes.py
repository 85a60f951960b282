"""The cause of each case by the rules that `failures.cases` documents: numpy, one case after another."""

import numpy as np
import scipy.special
import scipy.stats

from tests.helpers import made_sets, oracle


def causes(arrays, measure, query="text"):
    """Return cause and modality at fault of each item; a set in which no two items tie and every query is there."""
    names = [name for name in arrays if name != query]
    wide = {name: np.asarray(array, dtype=np.float64) for name, array in arrays.items()}
    scores = made_sets.matrix(measure, wide)
    n, own = len(scores), np.arange(len(scores))
    rank, winner = made_sets.ranks(scores), made_sets.winners(scores)
    without = {}
    for name in names:
        left = made_sets.matrix(measure, wide, names=[other for other in names if other != name])
        without[name] = made_sets.ranks(left), np.diag(left) - left[own, made_sets.winners(left)]
    rest = {row: _there(wide, names, row) for row in range(n)}
    base = np.array([oracle.volume(rest[row]) for row in range(n)])
    height = np.array([[oracle.span_distance(wide[query][q], rest[row]) for row in range(n)] for q in range(n)])
    by_height = made_sets.ranks(made_sets.matrix("height", wide))
    first = np.where(rank == 1, own, winner)
    firsts = np.bincount(first, minlength=n)
    hubs = firsts >= _many(n)
    far = np.quantile(height[own, own][rank == 1], 0.9) if (rank == 1).any() else np.nan
    limit = _turned_from(wide[query].shape[1])
    cosine = {name: np.array([[_cosine(q, m) for m in wide[name]] for q in wide[query]]) for name in names}
    excess = {name: np.diag(each) - np.nanmean(each, axis=1) for name, each in cosine.items()}
    whole = [name for name in names if _reliably_negative(excess[name])]
    found = []
    for row in range(n):
        rival = winner[row]
        lacks = [name for name in names if np.isnan(wide[name][row, 0])]
        cosines = {name: cosine[name][row, row] for name in names if name not in lacks}
        alone = [name for name in cosines if cosines[name] < 0 and excess[name][row] < -limit and name not in whole]
        negative = alone + [name for name in cosines if name in whole and excess[name][row] < 0]
        repaired = [name for name in names if without[name][0][row] == 1]
        if rank[row] == 1:
            found.append(("right", ""))
        elif unlike := [name for name in repaired if np.isnan([wide[name][row, 0], wide[name][rival, 0]]).any()]:
            found.append(("missing modality", unlike[0]))
        elif _small_base(measure, base, height, row, rival) or _first_without(scores, row, hubs, rival):
            found.append(("hub", ""))
        elif negative and _first_turned(measure, wide, query, names, row, alone, whole):
            all_of_them = len(negative) == len(cosines) > 1
            found.append(("sign", query if all_of_them else min(negative, key=cosines.get)))
        elif repaired:
            found.append(("modality", max(repaired, key=lambda name: without[name][1][row])))
        elif lacks:
            found.append(("missing modality", lacks[0]))
        elif base[row] <= np.median(base) and height[row, row] > far and by_height[row] != 1 and len(names) > 1:
            found.append(("query", query))
        else:
            found.append(("several", ""))
    return found


def _there(wide, names, row):
    rows = np.stack([wide[name][row] for name in names])
    return rows[~np.isnan(rows).any(axis=1)]


def _many(n):
    return next(count for count in range(1, n + 2) if scipy.stats.poisson.sf(count - 1, 1.0) < 0.01 / n)


def _turned_from(d):
    """Return c so that the chance of a cosine below -c is 1 in 10,000, by bisection of the incomplete beta function."""
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        beyond = 0.5 * scipy.special.betainc((d - 1) / 2, 0.5, 1 - middle**2)
        low, high = (middle, high) if beyond > 1e-4 else (low, middle)
    return low


def _small_base(measure, base, height, row, rival):
    if measure not in ("volume", "pairwise-mean", "triangle", "singular"):
        return False
    small = base[rival] < 0.5 * np.median(base) and base[rival] < base[row]
    return small and height[row, row] <= height[row, rival]


def _first_without(scores, row, hubs, rival):
    others = np.delete(np.arange(len(scores)), row)
    return hubs[rival] and not (scores[row, others[~hubs[others]]] > scores[row, row]).any()


def _first_turned(measure, wide, query, names, row, alone, whole):
    turned = {name: -wide[name] if name in whole else wide[name].copy() for name in names}
    for name in alone:
        turned[name][row] *= -1
    scores = made_sets.matrix(measure, {query: wide[query], **turned})[row]
    return not (np.delete(scores, row) > scores[row]).any()


def _reliably_negative(values):
    known = values[~np.isnan(values)]
    return known.mean() < -3.29 * known.std(ddof=1) / np.sqrt(len(known))


def _cosine(a, b):
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
