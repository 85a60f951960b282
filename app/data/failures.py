"""Cached parts of the diagnosis: what was computed before, in this session or an earlier one, and what it says."""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from app.data import collections
from app.data import sets as set_data
from app.data.columns import Column, rates_of, telling
from app.data.columns import columns as columns_of
from app.data.rankings import Judge
from app.jobs.failure_store import Kept, Part, find_part, part_file, part_key, task_key
from app.jobs.failures import FailureJob
from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics import Attribution, Cases, RankingComparison, attribute, compare_outcomes


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
    task = _task(set_data.fingerprint(model), asked.query, asked.candidates, set_data.load_set(model))
    return part_key(task, asked.part(kind))


def kept(asked: Asked, kind: str) -> Kept | None:
    """Return a part that was computed before, None if there is none; treat it as read-only."""
    found = key(asked, kind)
    file = part_file(found)
    collections.goes_with_session(file)
    try:
        stat = file.stat()
    except OSError:
        return None
    return _part(found, kind, str(file), stat.st_mtime_ns, stat.st_size)


def job(asked: Sequence[tuple[Asked, str]]) -> FailureJob:
    """Start to compute parts of one task, each of a ranking and of a kind, in order."""
    first = asked[0][0]
    sets = {each.judge.model: set_data.load_set(each.judge.model) for each, _ in asked}
    parts = [each.part(kind) for each, kind in asked]
    tasks = {
        name: _task(set_data.fingerprint(name), first.query, first.candidates, each) for name, each in sets.items()
    }
    device = os.environ.get("GRAM_DEVICE", "auto")
    return collections.works_on_open_data(
        FailureJob(sets, first.query, first.candidates, parts, tasks=tasks, device=device)
    )


def with_rows(asked: Asked, cases: Cases) -> Cases:
    """Return cases whose table says which row of the set each item and winner is: columns "row" and "winner_row"."""
    return _with_rows(key(asked, "cases"), cases, set_data.load_set(asked.judge.model))


def outcomes(pair: tuple[Asked, Asked], found: tuple[Cases, Cases]) -> RankingComparison:
    """Return where two rankings agree and differ, given the cases of both."""
    left, right = (key(asked, "cases") for asked in pair)
    return _outcomes(left, right, *found)


def attribution(asked: Asked, item: str, winner: str, cases: Cases) -> Attribution:
    """Return an item and its winner taken apart, given the cases of the ranking."""
    return _attribution(key(asked, "cases"), item, winner, asked, cases, set_data.load_set(asked.judge.model))


def rates(pair: tuple[Asked, Asked], found: tuple[Cases, Cases], column: Column) -> tuple[pd.DataFrame, ...]:
    """Return how often each of two rankings fails in each bin of a recorded number, over the items that both asked."""
    left, right = (key(asked, "cases") for asked in pair)
    return _rates(left, right, column.name, found, column)


def telling_column(asked: Asked, cases: Cases) -> str:
    """Return the recorded number that goes along with failures most closely, by Spearman's correlation."""
    return _telling(key(asked, "cases"), cases, columns(asked.judge.model))


def columns(model: str) -> dict[str, Column]:
    """Return the recorded numbers of a model's items by column; treat them as read-only."""
    return _columns(set_data.fingerprint(model), set_data.load_set(model))


@set_data.cached(max_entries=64)
def _task(fingerprint: tuple[str, int], query: str, candidates: tuple[str, ...], _embedding_set: EmbeddingSet) -> str:
    return task_key(_embedding_set, query, candidates)


@set_data.cached(max_entries=48)
def _part(found: str, kind: str, file: str, written: int, size: int) -> Kept | None:
    return find_part(found, kind)


@set_data.cached(max_entries=32)
def _outcomes(left: str, right: str, _left: Cases, _right: Cases) -> RankingComparison:
    return compare_outcomes(_left, _right)


@set_data.cached(max_entries=48)
def _with_rows(found: str, _cases: Cases, _embedding_set: EmbeddingSet) -> Cases:
    ids = _embedding_set.items["id"].astype(str).to_numpy(dtype=object)
    rows, table = pd.Series(np.arange(len(ids)), index=ids), _cases.table
    own, winners = (rows.reindex(table[of].astype(str)).to_numpy() for of in ("id", "winner"))
    return replace(_cases, table=table.assign(row=own, winner_row=winners))


@set_data.cached(max_entries=256)
def _attribution(
    found: str, item: str, winner: str, _asked: Asked, _cases: Cases, _embedding_set: EmbeddingSet
) -> Attribution:
    query, candidates, measure = _asked.query, _asked.candidates, _asked.judge.measure
    device = os.environ.get("GRAM_DEVICE", "auto")
    return attribute(
        _embedding_set, item, winner, query=query, candidates=candidates, measure=measure, device=device, cases=_cases
    )


@set_data.cached(max_entries=128)
def _rates(left: str, right: str, name: str, _found: tuple[Cases, Cases], _column: Column) -> tuple[pd.DataFrame, ...]:
    tables = [cases.table for cases in _found]
    shared = set(tables[0]["id"]) & set(tables[1]["id"])
    return tuple(rates_of(table[table["id"].isin(shared)], _column) for table in tables)


@set_data.cached(max_entries=64)
def _telling(found: str, _cases: Cases, _columns: dict[str, Column]) -> str:
    return telling(_cases, _columns)


@set_data.cached(max_entries=8)
def _columns(fingerprint: tuple[str, int], _embedding_set: EmbeddingSet) -> dict[str, Column]:
    return columns_of(_embedding_set)
