"""Two rankings against each other as HTML: the 2 x 2 of right and wrong, what a test says of it, and the causes."""

from collections.abc import Mapping
from html import escape

from app.state.failure_view import CELLS, PARTS, View
from app.widgets.measure_markup import percent
from gram import measures
from gram.diagnostics import CAUSES, Cases, Diagnosis, Proportion, RankingComparison
from gram.diagnostics.dataset.diagnosis import SAMPLE as FINDINGS_SAMPLE
from gram.diagnostics.failures.remedies import SAMPLE as REMEDIES_SAMPLE

_SURE = 0.05


def matrix(outcomes: RankingComparison, view: View) -> str:
    """Return the 2 x 2 as a table of buttons ("cell"), with the totals of what either ranking missed."""
    counts, shares = outcomes.counts, outcomes.shares
    missed = {name: sum(counts[part] for part in PARTS[name]) for name in ("left-missed", "right-missed")}

    def cell(name: str) -> str:
        (part,) = PARTS[name]
        low, high = shares[part].low, shares[part].high
        return _cell(name, counts[part], shares[part].value, f"{percent(low)} to {percent(high)}", view.cell)

    def total(name: str, share: Proportion) -> str:
        turned = f"{percent(1 - share.high)} to {percent(1 - share.low)}"
        return _cell(name, missed[name], 1 - share.value, turned, view.cell, kind="total")

    def right(count: int, share: Proportion) -> str:
        return (
            f'<td class="sum" title="R@1, its 95 % interval {percent(share.low)} to {percent(share.high)}">'
            f"<b>{count:,}</b><small>R@1 {percent(share.value)}</small></td>"
        )

    n = outcomes.n
    found = n - missed["left-missed"], n - missed["right-missed"]
    return (
        '<table class="outcomes"><caption class="hidden">How many items each ranking finds first</caption><thead>'
        '<tr><td></td><th scope="col">right found</th><th scope="col">right missed</th><th scope="col">all</th></tr>'
        f'</thead><tbody><tr><th scope="row">left found</th>{cell("both-found")}{cell("only-left")}'
        f"{right(found[0], outcomes.left)}</tr>"
        f'<tr><th scope="row">left missed</th>{cell("only-right")}{cell("both-missed")}'
        f"{total('left-missed', outcomes.left)}</tr>"
        f'<tr><th scope="row">all</th>{right(found[1], outcomes.right)}{total("right-missed", outcomes.right)}'
        f'<td class="sum"><b>{n:,}</b><small>items</small></td></tr></tbody></table>'
    )


def to_come() -> str:
    """Return the board as it is while its numbers are still computed: the same table, empty, and what it will say."""
    empty = (
        '<td><button type="button" class="outcome" disabled style="--tint:5%" aria-label="still to come"><b>–</b>'
        "<small>&nbsp;</small></button></td>"
    )
    rows = "".join(f'<tr><th scope="row">left {found}</th>{2 * empty}</tr>' for found in ("found", "missed"))
    return (
        '<div class="board"><table class="outcomes"><caption class="hidden">Still to come: how many items each ranking '
        'finds first</caption><thead><tr><td></td><th scope="col">right found</th><th scope="col">right missed</th>'
        f'</tr></thead><tbody>{rows}</tbody></table><div class="verdict"><p>Here will be how many items each ranking '
        "finds first, and whether one of the two is better.</p>"
        '<p class="quiet">It is computed once and kept. You can leave the page meanwhile; it goes on.</p></div></div>'
    )


def _cell(name: str, count: int, share: float, interval: str, chosen: str, *, kind: str = "") -> str:
    pressed = str(name == chosen).lower()
    tint = round(8 + 42 * share)
    return (
        f'<td class="{kind}"><button type="button" class="outcome" data-action="cell" data-cell="{name}" '
        f'data-focus="cell-{name}" aria-pressed="{pressed}" style="--tint:{tint}%" '
        f'aria-label="{CELLS[name]}: {count:,} items" title="{CELLS[name]}; 95 % interval {interval}">'
        f"<b>{count:,}</b><small>{percent(share)}</small></button></td>"
    )


def verdict(outcomes: RankingComparison, view: View) -> str:
    """Return in plain words whether one ranking is better: the difference, and McNemar's exact test."""
    if view.left == view.right:
        return "<p>Both sides are the same ranking. Choose another one on one side to compare.</p>"
    left, right = outcomes.counts["only left"], outcomes.counts["only right"]
    gap = outcomes.difference
    ahead = "left" if gap.value >= 0 else "right"
    low, high = sorted((abs(gap.low), abs(gap.high))) if gap.low * gap.high > 0 else (gap.low, gap.high)
    if gap.value < 0 and gap.low * gap.high <= 0:
        low, high = -gap.high, -gap.low
    size = f"<b>{_points(abs(gap.value))}</b> points of R@1 (95 % interval {_points(low)} to {_points(high)})"
    first = f"The {ahead} ranking finds {size} more." if gap.value else f"Both find as many: the difference is {size}."
    if not left + right:
        return f"<p>{first} No item is found by one of them alone.</p>"
    sure = outcomes.p_value < _SURE
    return (
        f"<p>{first}</p><p>Of the {left + right:,} items that only one finds, the left finds {left:,} and the right "
        f"{right:,}. {'This shows a difference' if sure else 'This shows no difference'}: were both equally good, a "
        f"split at least as uneven would come up {_odds(outcomes.p_value)} "
        f'<span class="quiet">(McNemar’s exact test, p = {_p(outcomes.p_value)})</span>.</p>'
    )


def scope(outcomes: RankingComparison, cases: Cases) -> str:
    """Return what was left out, and that it is a sample where it is one; empty where all items were asked."""
    lines = []
    if cases.sampled:
        lines.append(
            f"A sample drawn at random: {len(cases):,} of {cases.gallery:,} queries, each ranked against all "
            f"{cases.gallery:,} items; "
            f"the findings look at {min(FINDINGS_SAMPLE, cases.gallery):,} items, the remedies at "
            f"{min(REMEDIES_SAMPLE, cases.gallery):,}."
        )
    if cases.left_out:
        lines.append(f"{cases.left_out:,} items lack {cases.query} or {_all_of(cases)}, and were not ranked.")
    if outcomes.left_out:
        lines.append(f"{outcomes.left_out:,} items were ranked by only one of the two, and are not counted.")
    return "".join(f'<p class="quiet">{line}</p>' for line in lines)


def _all_of(cases: Cases) -> str:
    """Return how many of the candidates an item lacks that is not ranked, in words."""
    least = min(measures.get(cases.measure).min_candidates, len(cases.candidates))
    return "every candidate" if least == 1 and len(cases.candidates) > 1 else f"one of {', '.join(cases.candidates)}"


def worst(diagnosis: Diagnosis | None) -> str:
    """Return a line that leads to what is wrong with the set as a whole; empty while that is not known."""
    if diagnosis is None or not diagnosis.findings:
        return ""
    names = ", ".join(escape(each.title) for each in diagnosis.findings[:3])
    return f'<p>The set as a whole: <a href="#findings" target="_self">{names}</a>.</p>'


def _points(share: float) -> str:
    return f"{100 * share:.1f}".replace("-", "−")


def _odds(p: float) -> str:
    if p < 1e-6:
        return "less than once in a million"
    if p > 0.5:
        return "more often than not"
    times = 1 / p
    return f"about once in {times:,.0f}" if times < 100 else f"about once in {float(f'{times:.1e}'):,.0f}"


def _p(p: float) -> str:
    return f"{p:.2g}" if p >= 1e-4 else f"{p:.0e}".replace("e-0", "e-").replace("-", "−")


def causes(counts: Mapping[str, int], chosen: str, *, whose: str) -> str:
    """Return the causes as bars that are buttons ("cause"): how many cases each has, the most first."""
    total = sum(counts.values())
    if not total:
        return ""
    most = max(counts.values())
    bars = "".join(
        _bar(name, counts[name], counts[name] / total, counts[name] / most, name == chosen)
        for name in sorted(counts, key=lambda name: -counts[name])
    )
    return f'<h4>Why the {escape(whose)} ranking missed them</h4><ul class="causes">{bars}</ul>'


def _bar(name: str, count: int, share: float, width: float, chosen: bool) -> str:
    cause = CAUSES[name]
    return (
        f'<li><button type="button" class="cause" data-action="cause" data-cause="{"" if chosen else escape(name)}" '
        f'data-focus="cause-{escape(name)}" aria-pressed="{str(chosen).lower()}" '
        f'title="{escape(cause.help, quote=True)}"><span>{escape(cause.title)}</span>'
        f'<i style="--width:{100 * width:.1f}%"></i><b>{count:,}</b><small>{percent(share)}</small></button></li>'
    )
