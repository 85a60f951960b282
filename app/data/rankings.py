"""One of two rankings that pages compare: whose embeddings, and which measure."""

from collections.abc import Sequence
from typing import NamedTuple

import streamlit as st

from app.data import collections, sets
from app.text import escape_markdown
from gram import measures
from gram.retrieval import mixed

SIDES = ("left", "right")


class Judge(NamedTuple):
    """Whose embeddings, and which measure."""

    model: str
    measure: str

    @classmethod
    def named(cls, name: str) -> "Judge":
        """Return the judge of a name: "gram model by volume", or "by volume" of embeddings as they were given."""
        model, measure = name.rsplit("by ", 1)
        return cls(model.removesuffix(" model ") or collections.GIVEN, measure)

    @property
    def title(self) -> str:
        """What pages call it; also its name in their addresses."""
        return f"by {self.measure}" if self.model == collections.GIVEN else f"{self.model} model by {self.measure}"

    @property
    def told(self) -> str:
        """What sentences call it."""
        return self.title if self.model == collections.GIVEN else f"by the {self.title}"


def default(side: str, candidates: Sequence[str] | None = None) -> str:
    """Return the title of the ranking that a side begins with: the first model by volume, the last one by cosine.

    Where the items of the set have unlike numbers of modalities, by a measure that compares them.

    Args:
        side: left or right.
        candidates: what makes up a candidate; all but the anchor if None.
    """
    models = sets.models()
    model, measure = (models[0], "volume") if side == "left" else (models[-1], "cosine")
    embedding_set = sets.load_set(model)
    names = candidates or [name for name in embedding_set.names if name != embedding_set.anchor]
    return Judge(model, mixed.recommended_measure(embedding_set, tuple(names), measure)).title


def caution(judge: Judge, candidates: Sequence[str], *, query: str | None = None, whole: bool = False) -> None:
    """Say in one line that a ranking orders candidates which its measure does not compare, if it does.

    Args:
        judge: the ranking.
        candidates: what makes up a candidate.
        query: count only items that have this modality too, where only those are ranked.
        whole: whether all items of the set are ranked, whose vectors have been read then; else those that are shown,
            and where these are a sample the line says so.
    """
    ranked = sets.load_gallery(judge.model) if whole else sets.load_set(judge.model)
    if told := mixed.warning_for(ranked, tuple(candidates), judge.measure, query=query):
        sampled = "" if whole else sets.sample_size(judge.model)
        st.caption(f":material/balance: {escape_markdown(told)}{f' These are counts of {sampled}.' if sampled else ''}")


def options(offered: Sequence[str]) -> list[str]:
    """Return the titles of all judges by some measures."""
    return [Judge(model, measure).title for model in sets.models() for measure in offered]


def help_on(offered: Sequence[str]) -> str:
    """Return what each measure is, as a widget's help."""
    return "Whose embeddings, by which measure:\n\n" + "\n".join(
        f"- **{name}**: {measures.get(name).help}" for name in offered
    )
