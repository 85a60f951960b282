"""Noise: modalities that are unrelated to all the others, as `find_imbalance` finds them."""

from typing import Any

from gram.diagnostics.dataset.base import Checked, CleanSet, Finding, register, unit
from gram.diagnostics.dataset.context import DiagnosisContext, join_names, percent
from gram.diagnostics.dataset.imbalance import Imbalance, imbalance_of


def plant_noise(clean: CleanSet) -> dict[str, Any]:
    """Shuffle the rows of one modality, which may be the anchor, or replace them by random directions."""
    name = str(clean.rng.choice(list(clean.rows)))
    rows = clean.rows[name]
    shuffled = bool(clean.rng.random() < 0.5)
    clean.rows[name] = clean.rng.permutation(rows) if shuffled else unit(clean.rng.normal(size=rows.shape))
    return {"modalities": [name], "shuffled": shuffled}


@register("noise", order=30, plant=plant_noise, min_modalities=3)
def check_noise(context: DiagnosisContext) -> Checked:
    """Check which modalities are noise."""
    balance = context.once(imbalance_of)
    if not balance.noise:
        return "every modality agrees with another", []
    return f"no other modality agrees with {join_names(balance.noise, 'or')}", [_finding(balance)]


def _finding(balance: Imbalance) -> Finding:
    names = balance.noise
    pairs = [pair for pair in balance.pairs if pair.first in names or pair.second in names]
    nearest = max(pairs, key=lambda pair: abs(pair.effect))
    alone = {name: balance.of(name) for name in names if name != balance.query}
    recalls = {name: subset.recall for name, subset in alone.items() if subset is not None}
    shares = {share.name: share.share for share in balance.shares if share.name in names}
    text = (
        f"Matched cosines of {join_names(names)} are those of vectors that do not belong together (at most "
        f"{nearest.matched:.3f} against {nearest.mismatched:.3f}, {nearest.first} and {nearest.second})"
    )
    if recalls:
        each = join_names([f"{name} {percent(recall)}" for name, recall in recalls.items()])
        text += f", and alone it finds no more than chance: {each} against {percent(balance.chance)}"
    gain = max((-share for share in shares.values()), default=0.0)
    severity, remedy = max(0.3, gain), f"Leave {join_names(names)} out, and look at how it was joined and encoded."
    if balance.query in names:
        severity, remedy = 1.0, f"Ask with another modality, and look at how {balance.query} was joined and encoded."
    elif gain > 0:
        worst = min(shares, key=lambda name: shares[name])
        remedy += f" R@1 without {worst}: {percent(balance.all.recall - shares[worst])}."
    return Finding(
        cause="noise", severity=min(1.0, severity),
        title=f"{join_names(names).capitalize()} {'has' if len(names) == 1 else 'have'} nothing to do with the rest",
        text=f"{text}.", modalities=names, remedy=remedy,
        numbers={"alone": recalls, "chance": balance.chance, "share": shares, "matched": nearest.matched,
                 "mismatched": nearest.mismatched, "recall": balance.all.recall},
    )  # fmt: skip
