"""Cached parts of the diagnosis: what was computed before, in this session or an earlier one, and what it says."""

import os
from collections.abc import Sequence
from typing import NamedTuple

import streamlit as st

from app import data
from app.failures.columns import Column
from app.failures.columns import columns as columns_of
from app.rankings import Judge
from gram.diagnostics import Attribution, Cases, Outcomes, Remedy, attribute, compare_outcomes
from gram.embedding_set import EmbeddingSet
from gram.failure_tables import FailureJob, Kept, Part, SetFindings, find_part, part_file, part_key


class Asked(NamedTuple):
    """A ranking of a retrieval: whose embeddings by which measure, the modality that asks, and the candidates."""

    judge: Judge
    query: str
    candidates: tuple[str, ...]

    def part(self, kind: str) -> Part:
        """Return what is to be computed of it."""
        return Part(kind, self.judge.model, self.judge.measure)


def key(asked: Asked, kind: str) -> str:
    """Return the key of a part: it changes with the embeddings, the task and the version."""
    model = asked.judge.model
    return _key(data.fingerprint(model), asked.query, asked.candidates, asked.part(kind), data.load_set(model))


def cases(asked: Asked) -> Cases | None:
    """Return each query as a case, None while that is still to be computed; treat it as read-only."""
    found = _kept(asked, "cases")
    return found if isinstance(found, Cases) else None


def findings(asked: Asked) -> SetFindings | None:
    """Return what is wrong with the set, None while that is still to be computed."""
    found = _kept(asked, "findings")
    return found if isinstance(found, SetFindings) else None


def remedies(asked: Asked) -> tuple[Remedy, ...] | None:
    """Return what remedies do, None while that is still to be computed."""
    found = _kept(asked, "remedies")
    return found if isinstance(found, tuple) and not isinstance(found, SetFindings) else None


def job(asked: Sequence[tuple[Asked, str]]) -> FailureJob:
    """Start to compute parts of one task, each of a ranking and of a kind, in order."""
    first = asked[0][0]
    sets = {each.judge.model: data.load_set(each.judge.model) for each, _ in asked}
    parts = [each.part(kind) for each, kind in asked]
    return FailureJob(
        sets, first.query, first.candidates, parts, device=os.environ.get("GRAM_DEVICE", "auto")
    )


def outcomes(left: Asked, right: Asked) -> Outcomes:
    """Return where two rankings, both computed, agree and differ."""
    found = cases(left), cases(right)
    if found[0] is None or found[1] is None:
        raise LookupError("the cases are still to be computed")
    return _outcomes(key(left, "cases"), key(right, "cases"), *found)


def attribution(asked: Asked, item: str, winner: str) -> Attribution:
    """Return an item and its winner taken apart."""
    model = asked.judge.model
    return _attribution(
        data.fingerprint(model), asked.query, asked.candidates, asked.judge.measure, item, winner, data.load_set(model)
    )


def columns(model: str) -> dict[str, Column]:
    """Return the recorded numbers of a twin's items by column; treat them as read-only."""
    return _columns(data.fingerprint(model), data.load_set(model))


def _kept(asked: Asked, kind: str) -> Kept | None:
    found = key(asked, kind)
    file = part_file(found)
    try:
        stat = file.stat()
    except OSError:
        return None
    return _part(found, kind, str(file), stat.st_mtime_ns, stat.st_size)


@st.cache_data(max_entries=256, show_spinner=False)
def _key(
    fingerprint: tuple[str, int], query: str, candidates: tuple[str, ...], part: Part, _embedding_set: EmbeddingSet
) -> str:
    return part_key(_embedding_set, query, candidates, part)


@st.cache_resource(max_entries=48, show_spinner=False)
def _part(found: str, kind: str, file: str, written: int, size: int) -> Kept | None:
    return find_part(found, kind)


@st.cache_resource(max_entries=32, show_spinner=False)
def _outcomes(left: str, right: str, _left: Cases, _right: Cases) -> Outcomes:
    return compare_outcomes(_left, _right)


@st.cache_resource(max_entries=256, show_spinner=False)
def _attribution(
    fingerprint: tuple[str, int],
    query: str,
    candidates: tuple[str, ...],
    measure: str,
    item: str,
    winner: str,
    _embedding_set: EmbeddingSet,
) -> Attribution:
    return attribute(_embedding_set, item, winner, query=query, candidates=candidates, measure=measure)


@st.cache_resource(max_entries=8, show_spinner=False)
def _columns(fingerprint: tuple[str, int], _embedding_set: EmbeddingSet) -> dict[str, Column]:
    return columns_of(_embedding_set)
