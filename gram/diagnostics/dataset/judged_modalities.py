"""When a modality is at fault, or several: noise, imbalance, opposite sides, collapse, the gap."""

from typing import Any

from gram import measures
from gram.diagnostics.dataset.base import Check, Finding
from gram.diagnostics.dataset.context import MIN_RECALL_CHANGE, DiagnosisContext, Judgement, change, listing, percent
from gram.diagnostics.dataset.imbalance import Imbalance
from gram.diagnostics.dataset.modality_gap import find_modality_gap
from gram.diagnostics.dataset.sign_flips import find_sign_flips, sign_flipped

# One modality carries all if R@1 falls to a quarter without it while each other one is not missed.
CARRIED, NOT_MISSED = 0.25, 0.02


def check_imbalance(context: DiagnosisContext) -> Judgement:
    """Judge which modalities are noise, do harm, or carry everything."""
    balance, by = context.imbalance, context.by
    whole, shares = balance.all.recall, {share.name: share.share for share in balance.shares}
    recalls = {subset.candidates[0]: subset.recall for subset in balance.subsets if len(subset.candidates) == 1}
    numbers = {"recall": whole, "alone": recalls, "share": shares}
    findings = [_noise(balance)] if balance.noise else []
    unbalanced = [found for found in (_harm(balance, by, numbers), _carrier(balance, by, numbers)) if found is not None]
    alone = ", ".join(f"{name} {percent(recall)}" for name, recall in recalls.items())
    without = ", ".join(f"{name} {percent(whole - share)}" for name, share in shares.items())
    looked_at = f"{by} of each alone: {alone}" if alone else f"{by} {percent(whole)}"
    looked_at += f"; without it: {without}" if len(shares) > 1 else ""
    related = f"{listing(balance.noise)} with none" if balance.noise else "every modality agrees with another"
    return [*findings, *unbalanced], [
        Check(cause="imbalance", text=looked_at, found=bool(unbalanced)),
        Check(cause="noise", text=related, found=bool(balance.noise)),
    ]


def _harm(balance: Imbalance, by: str, numbers: dict[str, Any]) -> Finding | None:
    """Return the finding on the modality without which retrieval is reliably better, by what is worth a word."""
    harm = {
        share.name: -share.share
        for share in balance.shares
        if share.name not in balance.noise and share.interval[1] < 0 and -share.share >= MIN_RECALL_CHANGE
    }
    if not harm:
        return None
    worst, whole = max(harm, key=lambda name: harm[name]), balance.all.recall
    return Finding(
        cause="imbalance", severity=min(1.0, harm[worst]), title=f"Better without {worst}",
        text=f"{by} is {percent(whole)} with all candidates and {percent(whole + harm[worst])} without {worst}.",
        modalities=(worst,), numbers=numbers, remedy=f"Leave {worst} out of the candidates, or give it less weight.",
    )  # fmt: skip


def _carrier(balance: Imbalance, by: str, numbers: dict[str, Any]) -> Finding | None:
    """Return the finding on a modality that does all the work where there are others to do some."""
    shares = {share.name: share.share for share in balance.shares if share.name not in balance.noise}
    if len(shares) < 2 or balance.all.recall < 2 * MIN_RECALL_CHANGE:
        return None
    carrier, whole = max(shares, key=lambda name: shares[name]), balance.all.recall
    left, rest = whole - shares[carrier], [name for name in balance.candidates if name != carrier]
    if left > CARRIED * whole or any(share >= NOT_MISSED for name, share in shares.items() if name != carrier):
        return None
    return Finding(
        cause="imbalance", severity=0.2, title=f"{carrier.capitalize()} carries retrieval alone",
        text=f"{by} is {percent(whole)} with all candidates, {percent(left)} without {carrier}, and falls by less than "
        f"{percent(NOT_MISSED)} without any one of {listing(rest)}.",
        modalities=tuple(rest), numbers=numbers,
        remedy=f"See what {listing(rest)} would need to add: their encoders, or their weight in the loss.",
    )  # fmt: skip


def _noise(balance: Imbalance) -> Finding:
    names = balance.noise
    pairs = [pair for pair in balance.pairs if pair.first in names or pair.second in names]
    nearest = max(pairs, key=lambda pair: abs(pair.effect))
    alone = {name: balance.of(name) for name in names if name != balance.query}
    recalls = {name: subset.recall for name, subset in alone.items() if subset is not None}
    text = (
        f"Matched cosines of {listing(names)} are those of vectors that do not belong together (at most "
        f"{nearest.matched:.3f} against {nearest.mismatched:.3f}, {nearest.first} and {nearest.second})"
    )
    if recalls:
        each = listing([f"{name} {percent(recall)}" for name, recall in recalls.items()])
        text += f", and alone it finds what chance does: {each} against {percent(balance.chance)}"
    shares = {share.name: share.share for share in balance.shares if share.name in names}
    gain = max((-share for share in shares.values()), default=0.0)
    severity, remedy = max(0.3, gain), f"Leave {listing(names)} out, and look at how it was joined and encoded."
    if balance.query in names:
        severity, remedy = 1.0, f"Ask with another modality, and look at how {balance.query} was joined and encoded."
    elif gain > 0:
        worst = min(shares, key=lambda name: shares[name])
        remedy += f" R@1 without {worst}: {percent(balance.all.recall - shares[worst])}."
    return Finding(
        cause="noise", severity=min(1.0, severity),
        title=f"{listing(names).capitalize()} {'has' if len(names) == 1 else 'have'} nothing to do with the rest",
        text=f"{text}.", modalities=names, remedy=remedy,
        numbers={"alone": recalls, "chance": balance.chance, "share": shares, "matched": nearest.matched,
                 "mismatched": nearest.mismatched, "recall": balance.all.recall},
    )  # fmt: skip


def check_sign_flips(context: DiagnosisContext) -> Judgement:
    """Judge whether modalities lie on the opposite side."""
    flips = find_sign_flips(context.part)
    lowest = min((pair for pair in flips.pairs if pair.items), key=lambda pair: pair.effect, default=flips.pairs[0])
    looked_at = (
        f"matched cosines exceed mismatched ones by {lowest.excess:.2f} or more (least for {lowest.first} and "
        f"{lowest.second})"
    )
    if lowest.sign < 0:
        looked_at = f"no turn of whole modalities makes all matched cosines exceed mismatched ones: {looked_at}"
    check = [Check(cause="sign-flip", text=looked_at, found=bool(flips.flipped))]
    if not flips.flipped:
        return [], check
    flipped = sign_flipped(context.part, flips.flipped)
    numbers: dict[str, object] = {
        "pairs": [
            {"pair": [pair.first, pair.second], "matched": pair.matched, "interval": list(pair.matched_interval),
             "mismatched": pair.mismatched}
            for pair in flips.negative
        ]
    }  # fmt: skip
    changes = {}
    asked = [context.measure, *(name for name in ("volume", "cosine", "centroid") if name != context.measure)]
    for name in asked:
        if measures.get(name).supports(1 + len(context.candidates)):
            before, after = context.retrieval(context.part, name), context.retrieval(flipped, name)
            changes[name] = (before.recall[1], after.recall[1])
    numbers["recall"] = {name: {"as_it_is": before, "turned": after} for name, (before, after) in changes.items()}
    most = max(changes, key=lambda name: changes[name][1] - changes[name][0])
    pair = max(flips.negative, key=lambda pair: -pair.effect)
    are = "is" if len(flips.flipped) == 1 else "are"
    text = (
        f"{listing(flips.flipped).capitalize()} {are} turned away from the others: the matched cosine of {pair.first} "
        f"and {pair.second} is {pair.matched:.2f} where mismatched ones are {pair.mismatched:.2f}"
    )
    unchanged = abs(changes[context.measure][1] - changes[context.measure][0]) < 1e-9
    if unchanged:
        text += f"; {context.measure} does not see signs and gives the same R@1 either way"
    gain = changes[most][1] - changes[most][0]
    remedy = f"Turn {listing(flips.flipped)} round (`reorient`)"
    if gain > 0:
        remedy += f": R@1 by {most} goes from {percent(changes[most][0])} to {percent(changes[most][1])}"
    return [
        Finding(
            cause="sign-flip", severity=min(1.0, max(0.3, changes[context.measure][1] - changes[context.measure][0])),
            title=f"{listing(flips.flipped).capitalize()} on the opposite side",
            text=f"{text}.", modalities=flips.flipped, numbers=numbers, remedy=f"{remedy}.",
        )
    ], check  # fmt: skip


def check_collapse(context: DiagnosisContext) -> Judgement:
    """Judge whether modalities lie on a point or on few dimensions."""
    collapse = context.collapse
    spreads = {spread.name: spread for spread in collapse.modalities}
    numbers = {
        name: {
            "mean_cosine": spread.mean_cosine, "effective_rank": spread.effective_rank, "dimensions": spread.dimensions
        }
        for name, spread in spreads.items()
    }  # fmt: skip
    findings = []
    lost = max(0.5, 1 - context.before.recall[1])
    if collapse.on_a_point:
        names = collapse.on_a_point
        cosine = min(spreads[name].mean_cosine for name in names)
        where = (
            "All modalities lie on one point" if collapse.together else f"{listing(names).capitalize()} on one point"
        )
        findings.append(
            Finding(
                cause="collapse", severity=1.0 if collapse.together else lost, title=where,
                text=f"Two different items' vectors have a mean cosine of {cosine:.3f} or more in {listing(names)}: "
                "what is special about an item is the little that is left.",
                modalities=names, numbers=numbers,
                remedy="Centre each modality, which keeps what is left, and look at the loss that let them collapse.",
            )
        )  # fmt: skip
    if collapse.on_few_dimensions:
        names = collapse.on_few_dimensions
        most = max(spreads[name].dimensions for name in names)
        many = "dimension" if most == 1 else "dimensions"
        findings.append(
            Finding(
                cause="collapse", severity=lost, title=f"{listing(names).capitalize()} on few dimensions",
                text=f"{most} of {collapse.d} {many} hold nine tenths of the variance of {listing(names)}: items "
                "cannot be told apart by that.",
                modalities=names, numbers=numbers, remedy=f"Leave {listing(names)} out, and train its encoder again.",
            )
        )  # fmt: skip
    spreads_there = [spread for spread in collapse.modalities if spread.items] or collapse.modalities
    cosines, ranks = zip(*((spread.mean_cosine, spread.effective_rank) for spread in spreads_there))
    looked_at = (
        f"mean cosine of different items at most {max(cosines):.2f}, effective rank at least {min(ranks):.0f} of "
        f"{collapse.d}"
    )
    return findings, [Check(cause="collapse", text=looked_at, found=bool(findings))]


def check_modality_gap(context: DiagnosisContext) -> Judgement:
    """Judge whether centring the modalities would bring something."""
    gap = find_modality_gap(
        context.part, context.query, context.candidates, context.fair, device=context.device, seed=context.seed,
        before=context.imbalance.all.report,
    )  # fmt: skip
    widest = max(gap.distances, key=lambda pair: gap.distances[pair])
    worth = gap.after is not None and change(gap.before, gap.after)[1]
    # A modality on one point gains by centring too; what it has is named collapse.
    found = worth and not context.collapse.on_a_point
    looked_at = (
        f"centroids at most {gap.distances[widest]:.2f} apart; a linear probe names {percent(gap.probe)} of vectors"
    )
    if gap.after is not None:
        looked_at += f"; {context.by} {percent(gap.before.recall[1])}, centred {percent(gap.after.recall[1])}"
    check = [Check(cause="modality-gap", text=looked_at, found=found)]
    if not found or gap.after is None:
        return [], check
    numbers = {
        "distances": {f"{first} and {second}": value for (first, second), value in gap.distances.items()},
        "probe": gap.probe, "chance": gap.chance, "recall": gap.before.recall[1],
        "recall_centred": gap.after.recall[1], "change_interval": list(gap.change_interval),
    }  # fmt: skip
    return [
        Finding(
            cause="modality-gap", severity=min(1.0, gap.change), title="The modality gap costs retrieval",
            text=f"The centroids of {widest[0]} and {widest[1]} are {gap.distances[widest]:.2f} apart, and with each "
            f"modality centred {context.by} is {percent(gap.after.recall[1])} in place of "
            f"{percent(gap.before.recall[1])}.",
            modalities=widest, numbers=numbers, remedy="Centre each modality (`centred`) before ranking.",
        )
    ], check  # fmt: skip
