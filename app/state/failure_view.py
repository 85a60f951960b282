"""What the Failures page is asked for: two rankings, a cell of their 2 x 2, filters and an order; all in the URL.

The widgets of the page are set from the view before they are drawn, and change it in their callbacks; so a link, a
press on a bar and a widget are one and the same way to change it.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import streamlit as st

from app.data import rankings
from app.data.rankings import SIDES, Judge
from app.state import selection
from app.text import choices, escape_markdown, quoted

CELLS = {
    "left-missed": "Left missed",
    "right-missed": "Right missed",
    "both-found": "Both found",
    "only-left": "Only left found",
    "only-right": "Only right found",
    "both-missed": "Both missed",
}
SORTS = ("margin", "rank", "label", "winner", "cause")
# What the 2 x 2 of `gram.diagnostics.RankingComparison` calls them; the two totals are made of two of its cells each.
PARTS = {
    "left-missed": ("only right", "both wrong"),
    "right-missed": ("only left", "both wrong"),
    "both-found": ("both right",),
    "only-left": ("only left",),
    "only-right": ("only right",),
    "both-missed": ("both wrong",),
}
STEP, MOST = 25, 200  # rows that are listed at first and with each "more"; and at most
_HELD, _WIDGET = "failures_view", "failures_"  # keys in the session: of the view, and of each widget before its field
_NUMBER = r"(-?\d+\.?\d*(?:e[-+]?\d+)?)"
_SPAN = re.compile(f"{_NUMBER}~{_NUMBER}")


class View(NamedTuple):
    """What is asked for.

    Attributes:
        left: title of the left ranking.
        right: title of the right one.
        asks: the modality that asks; empty for the anchor.
        cell: one of `CELLS`.
        side: whose failures, in a cell where that is open.
        cause: of the failure; empty for all.
        label: what the item's label contains.
        split: of the item; empty for all.
        column: a column of numbers to filter by; empty for none.
        within: the ends of its values that are let through, as "2.5~6"; empty for all.
        taken: two characters: the true item's, and what it was taken for; empty for all.
        winner: id of the item that won; empty for all.
        wins: how many queries the winner is first for, at least and at most, as "3~4"; empty for all.
        sort: one of `SORTS`, with a "-" before it for the other way round.
        rows: how many are listed.
    """

    left: str
    right: str
    asks: str = ""
    cell: str = "left-missed"
    side: str = "left"
    cause: str = ""
    label: str = ""
    split: str = ""
    column: str = ""
    within: str = ""
    taken: str = ""
    winner: str = ""
    wins: str = ""
    sort: str = "margin"
    rows: str = str(STEP)

    @property
    def judges(self) -> tuple[Judge, Judge]:
        """The two rankings."""
        return Judge.named(self.left), Judge.named(self.right)

    @property
    def whose(self) -> str:
        """Whose failures the cell is about, "left" or "right"; where both failed or neither, whose was chosen."""
        return {
            "left-missed": "left", "only-right": "left", "right-missed": "right", "only-left": "right",
        }.get(self.cell, self.side)  # fmt: skip

    @property
    def judge(self) -> Judge:
        """The ranking whose failures these are."""
        return self.judges[SIDES.index(self.whose)]

    @property
    def span(self) -> tuple[float, float] | None:
        """The ends of the values that are let through."""
        return _ends(self.within)

    @property
    def span_of_wins(self) -> tuple[float, float] | None:
        """The least and the most queries that a winner is first for."""
        return _ends(self.wins)

    @property
    def shown(self) -> int:
        """How many rows are listed."""
        return min(int(self.rows), MOST)

    @property
    def filters(self) -> dict[str, str]:
        """The filters that are set, by field."""
        return {name: getattr(self, name) for name in FILTERS if getattr(self, name)}

    def as_query(self) -> dict[str, str]:
        """Return the URL's query: what differs from the usual."""
        return {in_url(name): value for name, value in self._asdict().items() if value != usual(name)}


def usual(field: str) -> str:
    """Return what a field is unless one asks for another."""
    return rankings.default(field) if field in SIDES else View._field_defaults[field]


def usual_view() -> View:
    """Return the view of one who asks for nothing."""
    return View(usual("left"), usual("right"))


def _ends(span: str) -> tuple[float, float] | None:
    said = _SPAN.fullmatch(span)
    return (float(said[1]), float(said[2])) if said else None


# Streamlit takes the names that widgets of another page are bound to out of the URL when it leaves that page.
_URL_NAMES = {"left": "left-ranking", "right": "right-ranking", "sort": "order"}


def in_url(field: str) -> str:
    """Return what the URL calls a field."""
    return _URL_NAMES.get(field, field)


FILTERS = ("cause", "label", "split", "column", "within", "taken", "winner", "wins")


def settle(allowed: dict[str, Sequence[str]]) -> View:
    """Return the view that follows from the URL and from what was held; say in one line what makes no sense.

    A URL that names anything of the view is the whole of it. One that names nothing brings back what was held when the
    page is come to from another one, and is the usual view when it was this page that was shown (the back button).

    Args:
        allowed: field -> what it may be; for the fields that have such a list.
    """
    asked = {name: st.query_params[in_url(name)] for name in View._fields if in_url(name) in st.query_params}
    was_here = f"{_WIDGET}left" in st.session_state
    view = usual_view()._replace(**asked) if asked or was_here else current()
    for name, value in view._asdict().items():
        if fault := _fault(name, value, allowed):
            if asked.get(name) == value:
                st.warning(escape_markdown(fault))
            view = view._replace(**{name: usual(name)})
    if view.within and not view.column:
        view = view._replace(within="")
    hold(view)
    return view


def _fault(name: str, value: str, allowed: dict[str, Sequence[str]]) -> str:
    """Return a line on a value that cannot be; empty where it can."""
    called = {"asks": "modality that asks", "sort": "order", **{side: f"{side} ranking" for side in SIDES}}
    if name in allowed:
        known = value in allowed[name] or (name == "sort" and value.removeprefix("-") in allowed[name])
        if known or (value == usual(name) and name not in SIDES):
            return ""
        return f"There is no {called.get(name, name)} {quoted(value)}; choose from {choices(allowed[name])}."
    if name in ("within", "wins") and value and not _SPAN.fullmatch(value):
        return f"There is no range {quoted(value)}; expected two numbers, as in 2.5~6."
    if name == "taken" and value and len(value) != 2:
        return f"{quoted(value)} cannot be taken for another: expected two characters, the true one and the winner's."
    if name == "rows" and not (value.isdecimal() and 1 <= int(value) <= MOST):
        return f"{quoted(value)} rows cannot be listed; choose a number from 1 to {MOST}."
    return ""


def current() -> View:
    """Return the view, as it was settled or last changed."""
    return st.session_state.get(_HELD) or usual_view()


def hold(view: View) -> None:
    """Keep a view, and say it in the URL."""
    st.session_state[_HELD] = view
    wanted = view.as_query()
    for name in map(in_url, View._fields):
        if name not in wanted:
            st.query_params.pop(name, None)
    if any(st.query_params.get(name) != value for name, value in wanted.items()):
        st.query_params.update(wanted)


def say_again() -> None:
    """Put the view into the URL once more, where a run has begun with an address from before it."""
    hold(current())


def change(**fields: str) -> None:
    """Change some fields; a change of anything but the order begins the list anew.

    Of two quick presses the second may come with the address of before the first, so the selection is said anew.
    """
    view = current()._replace(**fields)
    hold(view if set(fields) <= {"rows"} else view._replace(rows=str(STEP)))
    selection.say_again()


def bound(field: str) -> dict[str, Any]:
    """Return the `key` and `on_change` of the widget that shows a field, which is set to it now."""
    key = f"{_WIDGET}{field}"
    st.session_state[key] = getattr(current(), field)

    def changed() -> None:
        change(**{field: str(st.session_state[key] or ""), **({"within": ""} if field == "column" else {})})

    return {"key": key, "on_change": changed}


def span(low: float, high: float) -> str:
    """Return a range as the view and the URL hold it, exactly: a bin's ends are values of items."""
    return f"{low:g}~{high:g}" if (float(f"{low:g}"), float(f"{high:g}")) == (low, high) else f"{low!r}~{high!r}"


def clear(*fields: str) -> Callable[[], None]:
    """Return a callback that sets fields back to the usual; all filters where none is named."""
    return lambda: change(**{name: usual(name) for name in fields or FILTERS})
