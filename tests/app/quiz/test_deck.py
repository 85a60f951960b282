"""The deck of questions: every answer is right by plain numpy and no near tie, and what is said is what is shown."""

import math
import re

import numpy as np
import pandas as pd
import pytest

import gram
from app.quiz.deck import Question, deck
from gram.errors import EmbeddingSetError
from tests.helpers import oracle

CLEAR = 0.0499  # a near tie is anything less apart
MADE = {
    "leaning", "stranger", "in-the-plane", "opposite", "turned-round", "stretched", "other-anchor",
    "smaller-base", "hub", "hub-by-cosine", "same-volume", "one-more", "at-random",
}  # fmt: skip
LARGEST = {"one-more", "at-random", "largest-height"}  # what is asked for by the largest value; cosines always are
NAMES = ("text", "image", "speech", "tones")
SEEDS = range(12)


def make_set(*, n=40, d=24, names=NAMES, noise=0.7, seed=0, spoil=()):
    """Items whose modalities share something; `spoil` are (name, row) that are missing."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, d))
    arrays = {name: shared + noise * rng.normal(size=(n, d)) for name in names}
    for name, row in spoil:
        arrays[name][row] = np.nan
    return gram.EmbeddingSet(arrays, pd.DataFrame({"id": [f"{i:03d}" for i in range(n)]}))


def with_hub(*, seed=0):
    """A set in which item 7's image and speech coincide, nearly: a hub."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(40, 24))
    arrays = {name: shared + 1.2 * rng.normal(size=(40, 24)) for name in ("text", "image", "speech")}
    arrays["speech"][7] = arrays["image"][7] + 0.05 * rng.normal(size=24)
    return gram.EmbeddingSet(arrays, pd.DataFrame({"id": [f"{i:03d}" for i in range(40)]}))


def plain(body):
    """Volume (QR), base, height (least squares) and mean cosine in float64 numpy."""
    vectors = np.asarray(body.vectors, dtype=np.float64)
    anchor, others = vectors[0], vectors[1:]

    def spanned(rows):
        return np.abs(np.diagonal(np.linalg.qr(rows.T, mode="r"))).prod()

    return {
        "volume": spanned(vectors),
        "base": spanned(others),
        "height": oracle.span_distance(anchor, others),
        "cosine": float(np.mean([oracle.cosine(anchor, other) for other in others])),
    }


def written(value):
    """A number to three significant digits."""
    if abs(value) < 1e-12:
        return "0"
    if abs(value) < 1e-3:
        return ""
    power = math.floor(math.log10(float(f"{abs(value):.2e}")))
    return ("−" if value < 0 else "") + f"{abs(value):.{max(0, 2 - power)}f}"


def expected(question):
    """The index of the right option by plain numbers; fails on a near tie."""
    found = [plain(body) for body in question.bodies]
    if len(question.options) == len(found):
        (measure,) = question.measures
        values = [each[measure] for each in found]
        best = max if question.id in LARGEST or measure == "cosine" else min
        first, second, *_ = sorted(values, reverse=best is max)
        assert abs(first - second) >= CLEAR, (question.id, values)
        return values.index(best(values))
    changes = []
    for measure in question.measures:
        difference = abs(found[0][measure] - found[1][measure])
        assert difference < 1e-7 or difference >= CLEAR, (question.id, measure, difference)
        changes.append(difference > 1e-7)
    start = {(True, False): "only", (False, True): "only", (True, True): "both", (False, False): "neither"}[*changes]
    words = {"volume": "volume", "cosine": "cosine", "height": "height"}
    named = words[question.measures[changes.index(True)]] if start == "only" else ""
    (place,) = (
        i
        for i, option in enumerate(question.options)
        if option.lower().startswith(start) and (not named or option.endswith(named))
    )
    return place


def check(question: Question):
    assert question.answer == expected(question), question.id
    for body in question.bodies:
        found = plain(body)
        for measure in ("volume", "base", "height"):
            assert written(found[measure]) in question.explanation, (question.id, measure, found[measure])
        assert found["volume"] == pytest.approx(found["base"] * found["height"], abs=1e-9)
    for body, values in zip(question.bodies, question.values):
        for measure, value in plain(body).items():
            assert getattr(values, measure) == pytest.approx(value, abs=1e-6)
    assert "base × height" in question.explanation
    if "cosine" in question.measures:
        assert all(written(plain(body)["cosine"]) in question.explanation for body in question.bodies)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_answer_is_right_and_clear(seed):
    embedding_set = make_set(seed=seed)
    questions = deck(embedding_set, NAMES[1:], f"{seed:03d}", seed)
    assert len(questions) >= 16
    for question in questions:
        check(question)


def test_the_kinds_are_those_promised_from_easy_to_subtle():
    questions = deck(with_hub(), ("image", "speech"), "003")
    ids = [question.id for question in questions]
    assert set(ids) >= MADE
    assert len(set(ids)) == len(ids)
    assert {question.id for question in questions if not question.real} == MADE
    assert sum(question.real for question in questions) >= 4
    assert ids[0] == "leaning"
    assert ids.index("hub") < ids.index("smallest-base")


@pytest.mark.parametrize("seed", range(5))
def test_a_real_hub_beats_an_own_candidate_that_it_is_less_like(seed):
    embedding_set = with_hub(seed=seed)
    (question,) = (q for q in deck(embedding_set, ("image", "speech"), "003", seed) if q.id == "smallest-base")
    check(question)
    hub, own = (plain(question.bodies[place]) for place in (question.answer, 1 - question.answer))
    assert question.options[question.answer] == "those of item 007"
    assert hub["base"] < 0.3 < own["base"]
    assert hub["volume"] < own["volume"]
    assert hub["cosine"] < own["cosine"]
    vectors = [tensor.double().numpy() for tensor in embedding_set.modalities.values()]
    vectors = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in vectors]
    wins = sum(
        oracle.volume(np.stack([vectors[0][i], vectors[1][7], vectors[2][7]]))
        < oracle.volume(np.stack([rows[i] for rows in vectors]))
        for i in range(40)
        if i != 7
    )
    assert f"the own ones of {wins} of the others: a hub." in question.explanation


def test_where_volume_and_cosine_disagree_the_explanation_says_so():
    questions = {question.id: question for question in deck(make_set(), NAMES[1:], "005", 4)}
    for kind in ("stranger", "in-the-plane", "opposite", "hub", "disagreement"):
        question = questions[kind]
        loser = question.bodies[1 - question.answer]
        assert plain(loser)["cosine"] > plain(question.bodies[question.answer])["cosine"]
        assert f"By mean cosine {loser.title} wins" in question.explanation


def test_the_right_option_has_no_place_of_its_own():
    places = {}
    for seed in range(40):
        for question in deck(make_set(n=12), NAMES[1:], "000", seed):
            places.setdefault(question.id, set()).add(question.answer)
    assert all(len(found) >= 2 for found in places.values()), places


def test_the_real_vectors_are_the_items_own():
    embedding_set = make_set()
    questions = {question.id: question for question in deck(embedding_set, ("speech", "tones"), "009", 1)}
    question = questions["hardest-by-volume"]
    own = question.bodies[question.options.index("its own")]
    rows = [embedding_set.modalities[name][9].double().numpy() for name in ("text", "speech", "tones")]
    np.testing.assert_allclose(own.vectors, [row / np.linalg.norm(row) for row in rows], atol=1e-7)
    assert tuple(own.names) == ("text", "speech", "tones")
    other = question.bodies[1 - question.options.index("its own")]
    named = int(re.search(r"item (\d+)", question.options[1 - question.options.index("its own")])[1])
    row = embedding_set.modalities["tones"][named].double().numpy()
    np.testing.assert_allclose(other.vectors[2], row / np.linalg.norm(row), atol=1e-7)
    volumes = []
    for place in range(40):
        each = [embedding_set.modalities[name][place].double().numpy() for name in ("speech", "tones")]
        rows = np.stack([rows[0], *each])
        volumes.append(oracle.volume(rows / np.linalg.norm(rows, axis=1, keepdims=True)))
    clear = [place for place in range(40) if abs(volumes[place] - volumes[9]) >= 0.05]
    assert named == min(clear, key=lambda place: volumes[place])


def test_a_deck_is_the_same_for_the_same_seed_only():
    def told(seed):
        return [
            (question.prompt, question.options, question.explanation)
            for question in deck(make_set(), NAMES[1:], "001", seed)
        ]

    assert told(3) == told(3)
    assert told(3) != told(4)


@pytest.mark.parametrize(
    ("names", "candidates"), [(("text", "image"), ("image",)), (NAMES, ("tones",)), (("text", "image"), ["image"])]
)
def test_two_modalities_leave_out_what_needs_a_base(names, candidates):
    questions = deck(make_set(names=names), candidates, "002", 2)
    ids = {question.id for question in questions}
    assert len(questions) >= 12
    assert ids >= MADE
    assert not ids & {"largest-height", "smallest-base"}
    assert any(question.real for question in questions)
    for question in questions:
        check(question)


@pytest.mark.parametrize("seed", range(4))
def test_items_that_lack_a_modality_are_not_asked_about(seed):
    spoil = [("text", 3), ("image", 4), ("image", 2), ("speech", 5), ("tones", 6)]
    embedding_set = make_set(spoil=spoil)
    for item in ("003", "004", "002", "010"):
        questions = deck(embedding_set, ("image", "speech"), item, seed)
        assert len(questions) >= 12
        for question in questions:
            assert not any(np.isnan(body.vectors).any() for body in question.bodies)
            check(question)


def test_an_item_without_one_candidate_is_asked_about_with_the_others():
    questions = deck(make_set(spoil=[("image", 4)]), NAMES[1:], "004", 0)
    (question,) = (question for question in questions if question.id == "better-aligned")
    assert "item 004" in question.options
    assert tuple(question.bodies[0].names) == ("text", "speech", "tones")


@pytest.mark.parametrize("n", [1, 2])
def test_a_tiny_set_or_one_with_no_complete_item_still_has_a_deck(n):
    questions = deck(make_set(n=n), NAMES[1:], "000", 0)
    assert {question.id for question in questions} >= MADE
    for question in questions:
        check(question)
    spoiled = make_set(n=2, spoil=[("text", 0), ("text", 1)])
    assert {question.id for question in deck(spoiled, NAMES[1:], "000", 0)} == MADE


def test_what_cannot_be_asked_is_named():
    embedding_set = make_set()
    with pytest.raises(EmbeddingSetError, match="no item has the id 'nobody'"):
        deck(embedding_set, ("image",), "nobody")
    with pytest.raises(ValueError, match="candidates: expected modalities other than the anchor, text; got"):
        deck(embedding_set, (), "000")
    with pytest.raises(ValueError, match="candidates: expected modalities other than the anchor, text; got"):
        deck(embedding_set, ("text", "image"), "000")
    with pytest.raises(ValueError, match="modality 'smell' is not in this set"):
        deck(embedding_set, ("smell",), "000")
    with pytest.raises(ValueError, match="seed: expected a whole number of at least 0, got -1"):
        deck(embedding_set, ("image",), "000", -1)
