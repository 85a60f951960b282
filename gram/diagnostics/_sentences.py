"""A failure's cause in plain words, made of its numbers and of nothing else."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gram.diagnostics.attribution import Attribution

_COLLINEAR = 0.9  # two vectors with a cosine beyond this, either way, are called nearly collinear


def sentence(of: "Attribution") -> str:
    """Return what an attribution's numbers say, in one to three plain sentences."""
    if of.cause == "right":
        return f"{of.true.label} is first: it scores {_n(of.margin)} more than {of.winner.label}."
    if of.margin > 0:
        return (
            f"{of.true.label} comes before {of.winner.label}, by {_n(of.margin)}, but is only {_place(of.rank)}: "
            "others are before it."
        )
    return {
        "duplicate": _duplicate,
        "unresolved": _unresolved,
        "missing modality": _missing,
        "hub": _hub,
        "sign": _sign,
        "modality": _modality,
        "query": _query,
        "several": _several,
    }[of.cause](of)


def _duplicate(of: "Attribution") -> str:
    if of.alike:
        return f"{of.winner.label} has the same {_and(of.candidates)} as the true item: no measure can tell them apart."
    return f"{of.winner.label} ties with the true item: both score {_n(of.true.score)}."


def _unresolved(of: "Attribution") -> str:
    if of.margin == 0:
        return f"Both items score 0, to within what {of.dtype} can tell: their vectors are dependent with the query."
    return (
        f"The two scores differ by {_n(-of.margin)}, and rounding the stored {of.dtype} vectors another way changes "
        f"that by about {_n(of.rounding)}: rounding decides who is first."
    )


def _missing(of: "Attribution") -> str:
    first = f"With {of.at_fault} left out of all candidates, the true item is first."
    if of.at_fault in of.true.missing:
        lacking = _and(of.true.missing)
        said = f"The true item lacks its {lacking}, so the others alone speak for it"
        said += ", as for the winner." if set(of.true.missing) <= set(of.winner.missing) else "."
        return f"{said} {first}" if of.without[of.at_fault] == 1 else said
    return f"The winner lacks its {of.at_fault} and is judged without it. {first}"


def _hub(of: "Attribution") -> str:
    counted = f"it is first for {of.occurrences:,} of {of.asked:,} queries"
    if not of.hub_by_base:
        return (
            f"This winner is a hub: {counted}, where chance gives no item {of.many:,}. "
            "Without the items of that kind the true item is first."
        )
    pair, cosine = max(
        ((names, value) for names, value in of.winner.own_cosines.items() if value == value),
        key=lambda each: abs(each[1]),
    )
    bases = f"base {_n(of.winner.base)} against {_n(of.true.base)}"
    if abs(cosine) > _COLLINEAR:
        why = f"its own {_and(pair)} are nearly collinear (cosine {cosine:.3f}, {bases})"
    else:
        why = f"its own vectors span little ({bases}; the median is {_n(of.usual_base)})"
    nearer = f"The {of.query} is nearer to the true item, height {_n(of.true.height)} against {_n(of.winner.height)}"
    if of.rank_same_base == 1:
        change = "with equal bases the true item is first."
    elif of.rank_by_height == 1:
        change = "by height it is first."
    else:
        change = f"by height it is before this winner, though only {_place(of.rank_by_height)}."
    return f"This winner is a hub: {why}, and {counted}. {nearer}: {change}"


def _sign(of: "Attribution") -> str:
    cosines = ", ".join(f"{name} {of.true.cosines[name]:.2f}" for name in of.turned)
    if of.at_fault == of.query:
        return (
            f"The {of.query} points away from every vector of the true item (cosines: {cosines}). "
            "Turned into its opposite, it would find the true item first."
        )
    turned = "that vector" if len(of.turned) == 1 else "those vectors"
    return (
        f"The true item's {_and(of.turned)} {'points' if len(of.turned) == 1 else 'point'} away from the {of.query} "
        f"(cosine: {cosines}). With {turned} turned round, the true item is first."
    )


def _modality(of: "Attribution") -> str:
    said = f"{_start(of.at_fault)} is at fault: without it the true item is first, with it {_place(of.rank)}."
    also = [name for name, rank in of.without.items() if rank == 1 and name != of.at_fault]
    if also:
        said += f" It is first without {_or(also)}, too, but less far ahead."
    mine, theirs = of.true.heights[of.at_fault], of.winner.heights[of.at_fault]
    if mine > theirs:
        said += (
            f" The true item's {of.at_fault} stands {_n(mine)} off the span of its other vectors and the {of.query}, "
            f"the winner's {_n(theirs)}."
        )
    return said


def _query(of: "Attribution") -> str:
    far = (
        f"The {of.query} is at fault: the true item's own vectors agree as usual (base {_n(of.true.base)}, median "
        f"{_n(of.usual_base)}), but the {of.query} stands {_n(of.true.height)} off their span; nine of ten that are "
        f"answered right stay below {_n(of.usual_height)}."
    )
    if of.winner.height > of.usual_height:
        return f"{far} It is near none: {_n(of.winner.height)} off the winner's, too."
    return f"{far} It is nearer to the winner: {_n(of.winner.height)}."


def _several(of: "Attribution") -> str:
    if len(of.candidates) == 1:
        name = of.candidates[0]
        return (
            f"The {of.query} has a cosine of {of.true.cosines[name]:.2f} with its own {name} and of "
            f"{of.winner.cosines[name]:.2f} with the winner's; of two vectors nothing tells which one is off."
        )
    ranks = [f"{_place(rank)} without {name}" for name, rank in of.without.items() if rank == rank]
    said = f"The true item is {_place(of.rank)}"
    said += f", and leaving out one modality does not make it first: {_and(ranks)}." if ranks else "."
    if of.rank_by_height == 1 and of.measure != "height":
        return (
            f"{said} By height it is first, {_n(of.true.height)} against {_n(of.winner.height)}: the {of.query} lies "
            f"near the span of its vectors, which {of.measure} does not reward."
        )
    return said


def _n(value: float) -> str:
    return f"{value:.3g}"


def _place(rank: float) -> str:
    return f"rank {rank:,.1f}".removesuffix(".0")


def _start(name: str) -> str:
    return name[:1].upper() + name[1:]


def _and(names: "tuple[str, ...] | list[str]") -> str:
    return _joined(list(names), "and")


def _or(names: "tuple[str, ...] | list[str]") -> str:
    return _joined(list(names), "or")


def _joined(names: list[str], word: str) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"
