"""Sets too large for memory: any item can be current, questions search all of it, and pages say what they show."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from app.data import sets
from app.views.geometry import picking
from gram.data.embedding_set import EmbeddingSet
from gram.projection import project
from tests.app.conftest import open_app

N, SAMPLED, NAMES = 80, 16, ("text", "video", "audio")
SAMPLE = sorted(np.random.default_rng(0).choice(N, SAMPLED, replace=False).tolist())
OUTSIDE = [row for row in range(N) if row not in SAMPLE]
LACKS_VIDEO = OUTSIDE[3]


@pytest.fixture
def made(assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddingSet:
    """A set in float16 of which pages show a sample, its rows of any length; some items lack a modality."""
    monkeypatch.setenv("GRAM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("GRAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sets, "LARGEST", 300)
    monkeypatch.setattr(sets, "SAMPLED", SAMPLED)
    monkeypatch.setattr("gram.retrieval.engine.KEPT", 0)
    rng = np.random.default_rng(3)
    shared = rng.normal(size=(N, 8))
    vectors = {name: ((shared + rng.normal(size=(N, 8))) * rng.uniform(0.5, 9, size=(N, 1))) for name in NAMES}
    vectors["video"][[LACKS_VIDEO, OUTSIDE[5], SAMPLE[2]]] = np.nan
    vectors["audio"][OUTSIDE[5]] = np.nan  # and so can be no hit
    items = pd.DataFrame({"id": np.arange(N) + 100, "label": ["cat", "dog"] * (N // 2)})
    arrays = {name: rows.astype(np.float16) for name, rows in vectors.items()}
    EmbeddingSet(arrays, items, {"name": "large"}).save(tmp_path / "data" / "large")
    return EmbeddingSet.load(tmp_path / "data" / "large")


def said(app) -> str:
    return " ".join(each.value for kind in (app.caption, app.markdown) for each in kind)


def vectors_of(made: EmbeddingSet, query: int, candidate: int) -> np.ndarray:
    """Return the text of one item with what another has of the rest, at length one in float64."""
    rows = [made.modalities["text"][query], *(made.modalities[name][candidate] for name in NAMES[1:])]
    rows = [row.double().numpy() for row in rows if not row.isnan().any()]
    return np.stack([row / np.linalg.norm(row) for row in rows])


def volume(vectors: np.ndarray) -> float:
    return float(np.prod(np.linalg.svd(vectors, compute_uv=False)))


def side(vectors: np.ndarray) -> float:
    return volume(vectors) ** (1 / len(vectors))


def cosine(vectors: np.ndarray) -> float:
    return float(np.mean(vectors[1:] @ vectors[0]))


def missed_by_both_samples(made: EmbeddingSet) -> tuple[int, list[int]]:
    """Return an item outside the sample that is not first for its text by volume, and the order of all items."""
    there = [row for row in range(N) if row != OUTSIDE[5]]
    for row in OUTSIDE:
        order = sorted(there, key=lambda other: side(vectors_of(made, row, other)))
        if order[0] != row and order[0] in OUTSIDE and order[1] != row:
            return row, order
    raise AssertionError("no such item")


def test_a_question_finds_the_best_of_all_items_and_the_true_ones_rank(made: EmbeddingSet):
    row, order = missed_by_both_samples(made)
    app = open_app("retrieval", set="large", item=str(100 + row), left="by normalized-volume", right="by cosine").run()
    assert not app.exception
    assert not app.error
    by_side = 1 + order.index(row)
    values = {other: cosine(vectors_of(made, row, other)) for other in order}
    by_cosine = 1 + sum(value > values[row] for value in values.values())
    headlines = [each.value for each in app.markdown if " ranks " in each.value]
    label = f"{['cat', 'dog'][row % 2]} · {100 + row}"
    assert headlines == [f"#### {label} ranks {rank} of {N - 1}" for rank in (by_side, by_cosine)]
    assert f"· {100 + order[0]}" in said(app)  # the first hit, which the sample does not hold, in the reason
    assert f"Searched all {N} items" in said(app)
    assert f"a sample of {SAMPLED} of {N} items" in said(app)
    assert "1 item has none of video and audio, and was not ranked" in said(app)
    assert not [each for each in app.get("page_link") if each.proto.label == "Open in Failures"]


def test_an_item_outside_the_sample_that_has_no_candidate_is_said_to_be_unfindable(made: EmbeddingSet):
    app = open_app("retrieval", set="large", item=str(100 + OUTSIDE[5])).run()
    assert not app.exception
    assert f"{100 + OUTSIDE[5]} lacks video and audio, by which items are ranked here" in said(app)


@pytest.mark.parametrize("row", [OUTSIDE[0], LACKS_VIDEO])
@pytest.mark.parametrize("lesson", ["pair", "play", "predict", "higher"])
def test_geometry_draws_any_item(made: EmbeddingSet, row: int, lesson: str):
    app = open_app("geometry", set="large", item=str(100 + row), partner=str(100 + OUTSIDE[9]), lesson=lesson).run()
    assert not app.exception
    assert not app.warning
    shown = app.session_state["selection"]
    assert (shown.item, shown.partner) == (str(100 + row), str(100 + OUTSIDE[9]))
    if lesson == "pair":
        [numbers] = [each.proto.body for each in app.get("html") if "<div>Volume of" in each.proto.body]
        for other in (row, OUTSIDE[9]):
            assert f"{volume(vectors_of(made, row, other)):.3g}"[:4] in numbers
        assert f"1{OUTSIDE[9]:02d}" in app.selectbox(key="geometry_partner").options
    if lesson == "predict":
        assert f"of a sample of {SAMPLED} of {N} items; the current one is not in it" in said(app)


def test_an_items_partner_is_the_hardest_of_the_sample(made: EmbeddingSet):
    row = OUTSIDE[0]
    app = open_app("geometry", set="large", item=str(100 + row)).run()
    hardest = min(SAMPLE, key=lambda other: volume(vectors_of(made, row, other)))
    assert app.session_state["selection"].partner == str(100 + hardest)


def test_an_unknown_item_is_said_and_the_first_shown_is_of_the_sample(made: EmbeddingSet):
    app = open_app("geometry", set="large", item="7").run()
    assert any("No item “7”" in each.value for each in app.warning)
    assert app.session_state["selection"].item == str(100 + SAMPLE[0])


def test_volumes_say_what_they_show_and_mark_any_item(made: EmbeddingSet):
    app = open_app("volumes", set="large", item=str(100 + OUTSIDE[0]), partner=str(100 + SAMPLE[0])).run()
    assert not app.exception
    assert f"This page shows a sample of {SAMPLED} of {N} items" in said(app)
    assert f"{100 + OUTSIDE[0]} is not in it." in said(app)
    marks = "".join(each.proto.json for each in app.get("bidi_component"))
    assert f"{100 + OUTSIDE[0]} with {100 + SAMPLE[0]}" in marks
    inside = open_app("volumes", set="large", item=str(100 + SAMPLE[1]), partner=str(100 + SAMPLE[0])).run()
    assert "not in it" not in said(inside)


def test_projection_leaves_an_item_outside_the_sample_unmarked(made: EmbeddingSet):
    project(made.subset(SAMPLE).normalized(), "pca", dims=2)  # which is kept, and found by the page
    app = open_app("projection", set="large", method="PCA", item=str(100 + OUTSIDE[0])).run()
    assert not app.exception
    assert any(each.label == "Trustworthiness" for each in app.metric)
    assert not any(each.label.startswith("Volume of") for each in app.metric)
    assert f"{100 + OUTSIDE[0]} is not in it." in said(app)


def test_failures_of_a_sample_begin_with_a_case_of_it(made: EmbeddingSet):
    app = open_app("failures", set="large", item=str(100 + OUTSIDE[0])).run()
    deadline = time.monotonic() + 120
    while "failures_job" in app.session_state and app.session_state["failures_job"].running:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    app.run()
    assert not app.exception
    assert f"This page shows a sample of {SAMPLED} of {N} items" in said(app)
    assert f"{100 + OUTSIDE[0]} is not in it." in said(app)
    assert app.session_state["selection"].item == str(100 + OUTSIDE[0])


def test_a_caution_counts_all_items_where_all_are_ranked_and_says_so_where_a_sample_is(made: EmbeddingSet):
    asked = open_app("retrieval", set="large", item=str(100 + OUTSIDE[0]), left="by volume", right="by volume").run()
    cautions = [each.value for each in asked.caption if "is not comparable" in each.value]
    assert len(cautions) == 2
    assert all("(2 with 1, 77 with 2): rank by" in each and "sample" not in each for each in cautions)
    failures = open_app("failures", set="large", **{"left-ranking": "by volume"}).run()
    [told] = [each.value for each in failures.caption if "is not comparable" in each.value]
    assert "(1 with 1, 15 with 2): rank by" in told
    assert told.endswith(f"These are counts of a sample of {SAMPLED} of {N} items.")


@pytest.mark.parametrize("name", ["geometry", "volumes", "projection", "retrieval", "failures"])
def test_what_items_of_a_sample_lack_is_told_of_a_sample(made: EmbeddingSet, name: str):
    app = open_app(name, set="large").run()
    assert f"Of a sample of {SAMPLED} of {N} items, 1 lack video; what" in said(app)


def type_into(app, key: str, typed: str):
    """Type an id that is not listed; `AppTest` chooses only what is."""
    picker = app.selectbox(key=key)
    picker.options.append(typed)
    return picker.set_value(typed).run()


@pytest.mark.parametrize("listed", [2_000, 5])
@pytest.mark.parametrize(("picker", "place"), [("geometry_item", 0), ("geometry_partner", 1)])
def test_any_id_can_be_typed_and_one_that_is_unknown_is_said_and_changes_nothing(
    made: EmbeddingSet, monkeypatch: pytest.MonkeyPatch, picker: str, place: int, listed: int
):
    monkeypatch.setattr(picking, "LISTED", listed)
    app = open_app("geometry", set="large", item=str(100 + OUTSIDE[0]), partner=str(100 + OUTSIDE[9])).run()
    other = str(100 + OUTSIDE[2])
    assert other not in app.selectbox(key=picker).options
    assert f"Listed are {SAMPLED if listed > SAMPLED else 4} of {N} items" in app.selectbox(key="geometry_item").help
    type_into(app, picker, other)
    assert not app.exception
    shown = app.session_state["selection"]
    assert (shown.item, shown.partner)[place] == other
    type_into(app, picker, "nobody")
    assert not app.exception
    assert [each.value for each in app.toast] == ["No item “nobody” in this set."]
    assert app.session_state["selection"] == shown
    assert app.selectbox(key=picker).value == other


def test_every_point_of_a_sample_is_ranked_among_the_sample(made: EmbeddingSet):
    project(made.subset(SAMPLE).normalized(), "pca", dims=2)
    row = SAMPLE[1]
    app = open_app("projection", set="large", method="PCA", item=str(100 + row), colour="rank").run()
    assert not app.exception
    order = sorted(SAMPLE, key=lambda other: side(vectors_of(made, row, other)))
    [rank] = [each.value for each in app.metric if each.label == "Rank by normalized-volume"]
    assert int(rank) == 1 + order.index(row)
