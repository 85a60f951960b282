"""What each column of a file is used as: the importer's guess as a table to correct, and what a person made of it."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import streamlit as st

from gram.data.importers import Column, ColumnRoles, Inspection
from gram.errors import EmbeddingSetError

MODALITY, ID, LABEL, SPLIT, MEDIA, MASK, KEEP = "modality", "id", "label", "split", "media", "mask", "keep"
_VECTORS, _VALUES = (MODALITY, "leave out"), (ID, LABEL, SPLIT, MEDIA, MASK, KEEP)
_HELP = (
    "modality: one vector an item, or one number (d = 1). id: a unique name. label: what cards show. split: train or "
    "test. media: a path of a picture or a sound below the chosen folder. mask: whether the item has the modality that "
    "“Named” says. keep: kept with the items, for filters."
)


def table(found: Inspection, plan: ColumnRoles) -> pd.DataFrame:
    """Return a row a column: what it is, and what it is used as."""
    return pd.DataFrame(
        [
            {
                "Column": column.name,
                "Holds": _holds(column),
                "Use as": _role(column, plan),
                "Named": _named(column, plan),
                "For example": ", ".join(map(str, column.sample))[:60],
            }
            for column in found.columns
        ]
    )


def show(found: Inspection, *, key: str) -> pd.DataFrame:
    """Show the table of a file's columns, to be corrected; return it as a person left it."""
    return st.data_editor(
        table(found, found.roles),
        key=key,
        hide_index=True,
        width="stretch",
        disabled=["Column", "Holds", "For example"],
        column_config={
            "Column": st.column_config.TextColumn(width=104),
            "Holds": st.column_config.TextColumn(width=100),
            "Use as": st.column_config.SelectboxColumn(
                options=[*_VECTORS, *_VALUES], required=True, width=84, help=_HELP
            ),
            "Named": st.column_config.TextColumn(
                width=84, max_chars=60, help="What the modality is called; of media and masks, whose they are"
            ),
            "For example": st.column_config.TextColumn(width=220),
        },
    )


def plan_of(found: Inspection, edited: pd.DataFrame, anchor: str | None) -> ColumnRoles:
    """Return the plan that a corrected table says.

    Raises:
        EmbeddingSetError: a column is used as what it is not, or two as what there is but one of.
    """
    used: dict[str, dict[str, str]] = {}
    for column, row in zip(found.columns, edited.to_dict("records")):
        role, name = str(row["Use as"]), str(row["Named"] or "").strip()
        what, choices = _choices(column)
        if role not in choices:
            raise EmbeddingSetError(f"column “{column.name}” holds {what} an item; use it as {', '.join(choices)}")
        used.setdefault(role, {})[column.name] = name
    modalities = _named_once(used.get(MODALITY, {}))
    return replace(
        found.roles,
        modalities=modalities,
        anchor=anchor if anchor in modalities else next(iter(modalities)),
        id=_only(ID, used),
        label=_only(LABEL, used),
        split=_only(SPLIT, used),
        media=used.get(MEDIA, {}),
        masks=_masks(used.get(MASK, {}), modalities),
    )


def _choices(column: Column) -> tuple[str, tuple[str, ...]]:
    """Return what a column holds, in words, and what it can be used as."""
    if len(column.shape) == 2:
        return "a vector", _VECTORS
    number = column.dtype.startswith(("float", "bfloat", "int", "uint"))
    return ("one number", (MODALITY, *_VALUES)) if number else ("one value", _VALUES)


def _holds(column: Column) -> str:
    size = f"{column.shape[1]:,} × " if len(column.shape) == 2 else ""
    return f"{size}{column.dtype}"


def _role(column: Column, plan: ColumnRoles) -> str:
    if column.name in plan.modalities.values():
        return MODALITY
    if len(column.shape) == 2:
        return "leave out"
    roles: dict[str | None, str] = {plan.split: SPLIT, plan.label: LABEL, plan.id: ID}
    if column.name in plan.media:
        return MEDIA
    return MASK if column.name in plan.masks.values() else roles.get(column.name, KEEP)


def _named(column: Column, plan: ColumnRoles) -> str:
    owners = {of: name for name, of in (*plan.modalities.items(), *plan.masks.items())}
    return plan.media.get(column.name) or owners.get(column.name, "")


def _named_once(columns: Mapping[str, str]) -> dict[str, str]:
    """Return modality -> column.

    Raises:
        EmbeddingSetError: no modality, or two of one name.
    """
    found: dict[str, str] = {}
    for column, named in columns.items():
        name = named or column
        if name in found:
            raise EmbeddingSetError(f"“{found[name]}” and “{column}” are both named {name}: name one differently")
        found[name] = column
    if not found:
        raise EmbeddingSetError("no column is used as a modality: choose one at least")
    return found


def _only(role: str, used: Mapping[str, Mapping[str, str]]) -> str | None:
    columns = list(used.get(role, {}))
    if len(columns) > 1:
        raise EmbeddingSetError(f"“{columns[0]}” and “{columns[1]}” are both used as {role}: choose one")
    return columns[0] if columns else None


def _masks(columns: Mapping[str, str], modalities: Mapping[str, str]) -> dict[str, str]:
    for column, name in columns.items():
        if name not in modalities:
            raise EmbeddingSetError(f"“{column}” is a mask: write under “Named” whose, one of {', '.join(modalities)}")
    return {name: column for column, name in columns.items()}
