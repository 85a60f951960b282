"""Which measures compare items with different numbers of modalities."""

import pytest

import gram
from gram import measures
from gram.retrieval import mixed
from gram.retrieval.evaluate import DIRECTIONS
from tests.gram.measures.test_missing_modalities import CANDIDATES, make


def test_which_measures_compare_candidates_of_different_sizes():
    apart = [name for name in measures.names() if not measures.get(name).comparable_across_k]
    assert apart == ["volume", "cosine-max", "singular", "symile"]
    made, whole = make(), make(complete=True)
    assert not mixed.comparable(made, CANDIDATES, "volume")
    assert mixed.comparable(made, CANDIDATES, "height")
    assert mixed.comparable(made, ["image"], "volume")
    assert mixed.comparable(whole, CANDIDATES, "volume")
    there = sum(made.present(name).numpy().astype(int) for name in CANDIDATES)
    sizes = {size: int((there == size).sum()) for size in (1, 2, 3)}
    assert mixed.counts_by_size(made, CANDIDATES) == sizes
    asked = made.present("text").numpy()
    asking = {size: int(((there == size) & asked).sum()) for size in (1, 2, 3)}
    assert mixed.counts_by_size(made, CANDIDATES, query="text") == asking
    line = mixed.warning_for(made, CANDIDATES, "volume", query="text")
    assert f"({asking[1]} with 1, {asking[2]} with 2, {asking[3]} with 3)" in line
    assert line.endswith("rank by normalized-volume or height.")
    assert mixed.warning_for(made, CANDIDATES, "height") == ""
    usual = [mixed.recommended_measure(each, CANDIDATES) for each in (made, whole)]
    assert usual == ["normalized-volume", "volume"]
    with pytest.raises(ValueError, match="smell"):
        mixed.comparable(made, ["smell"], "volume")
    with pytest.raises(ValueError, match="expected one of"):
        mixed.comparable(made, CANDIDATES, "size")


def test_a_report_warns_only_where_one_ranking_holds_unlike_candidates():
    made = make()
    forth, back = (gram.evaluate(made, direction=direction) for direction in DIRECTIONS)
    assert "not comparable" in forth.caution
    assert forth.caution in str(forth)
    assert forth.to_dict(intervals=False)["caution"] == forth.caution
    assert back.caution == gram.evaluate(made, measure="height").caution == ""
