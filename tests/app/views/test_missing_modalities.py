"""Pages on sets whose items lack modalities: they begin with a measure that compares, warn, count, and draw."""

import json
import shutil

import numpy as np
import pytest
import streamlit as st

from gram.data.embedding_set import EmbeddingSet
from gram.projection import project
from tests.app.conftest import ROOT, build_assets, open_app


def volumes_of(arrays, asking):
    """Volume and number of vectors of the text of one row with each other row's candidate."""
    found = {}
    for row in set(range(len(arrays["text"]))) - {asking}:
        rows = np.array([arrays["text"][asking], *(arrays[name][row] for name in ("image", "speech", "tones"))])
        rows = rows[~np.isnan(rows).any(axis=1)].astype(np.float64)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        found[row] = np.sqrt(np.linalg.det(rows @ rows.T)), len(rows)
    return found


def plant_unlike(arrays):
    """Give 9 an image alone that spans with the text of 10 more than the best of 4 vectors does, at a smaller side."""
    arrays["image"][9] = arrays["speech"][9] = arrays["tones"][9] = np.nan
    volume = min(volume for volume, k in volumes_of(arrays, 10).values() if k > 1) ** 0.75
    text, aside = arrays["text"][10].astype(np.float64), np.eye(arrays["text"].shape[1])[0]
    aside -= (aside @ text) * text
    arrays["image"][9] = np.sqrt(1 - volume**2) * text + volume * aside / np.linalg.norm(aside)


@pytest.fixture(scope="module")
def lacking_assets(tmp_path_factory):
    root = build_assets(tmp_path_factory.mktemp("lacking"))
    for model in ("gram", "cosine"):
        folder = root / "numbers" / model / "test"
        made, rng = EmbeddingSet.load(folder), np.random.default_rng(1)
        arrays = {name: rows.numpy().copy() for name, rows in made.modalities.items()}
        for name in made.names[1:]:
            arrays[name][rng.random(len(made)) < 0.3] = np.nan
        arrays["text"][[3, 4]] = np.nan
        arrays["speech"][1] = arrays["image"][2] = arrays["speech"][2] = arrays["tones"][2] = np.nan
        arrays["image"][1] = made.modalities["image"][1].numpy()
        for name in made.names[1:]:  # 5 has the anchor alone, 6 all but it, 7 all
            arrays[name][5] = np.nan
            arrays[name][[6, 7]] = made.modalities[name][[6, 7]].numpy()
        arrays["text"][6] = arrays["text"][8] = arrays["speech"][8] = arrays["tones"][8] = np.nan
        arrays["image"][8] = made.modalities["image"][8].numpy()  # 8 has its image alone
        plant_unlike(arrays)
        EmbeddingSet(arrays, made.items, made.info).save(folder)
        shutil.rmtree(folder.parent / "trajectory")  # of complete items
        (folder.parent / "model").symlink_to(ROOT / "assets" / "numbers" / model / "model")
    return root


@pytest.fixture(autouse=True)
def assets(lacking_assets, monkeypatch):
    monkeypatch.setenv("GRAM_ASSETS", str(lacking_assets))
    monkeypatch.setenv("GRAM_DEVICE", "cpu")
    yield lacking_assets
    st.cache_resource.clear()
    st.cache_data.clear()


def ids(assets):
    return EmbeddingSet.load(assets / "numbers" / "gram" / "test").items["id"].astype(str).tolist()


def captions(app):
    return " ".join(each.value for each in app.caption)


def test_volumes_begin_with_a_measure_that_compares_and_warn_of_one_that_does_not(assets):
    app = open_app("volumes", item=ids(assets)[1]).run()
    assert not app.exception
    measure = app.selectbox(key="measure")
    assert measure.value == "normalized-volume"
    assert "not comparable" not in captions(app)
    measure.set_value("volume").run()
    assert "Volume is not comparable" in captions(app)
    app.pills(key="sidebar_candidates").set_value(["image"]).run()
    assert "not comparable" not in captions(app)


def test_retrieval_begins_with_a_ranking_that_compares_and_warns_of_one_that_does_not(assets):
    app = open_app("retrieval", item=ids(assets)[1], by="image").run()
    assert not app.exception
    assert app.selectbox(key="left").value == "gram model by normalized-volume"
    app.selectbox(key="left").set_value("gram model by volume").run()
    assert "Volume is not comparable" in captions(app)


@pytest.mark.parametrize(("item", "partner", "said"), [(0, 1, "lacks speech"), (3, 0, "lacks text"), (2, 0, "lacks")])
def test_geometry_draws_what_is_there_and_says_what_is_not(assets, item, partner, said):
    known = ids(assets)
    app = open_app("geometry", item=known[item], partner=known[partner]).run()
    assert not app.exception
    markup = " ".join(each.proto.body for each in app.get("html"))
    assert said in markup


def test_a_card_names_what_its_item_lacks(assets):
    from app.widgets import cards

    made = EmbeddingSet.load(assets / "numbers" / "gram" / "test")
    markup = cards.listen_html(made, 1, place="left")
    assert "no speech" in markup
    assert 'data-modality="speech"' not in markup
    assert cards.picture_html(made, 2, dark=False) == ""


def markup(app):
    return " ".join(each.proto.body for each in app.get("html"))


def figures(app):
    """The charts and scenes of a page, as they are sent."""
    held = [json.loads(each.proto.json) for each in app.get("bidi_component") if each.proto.json]
    return [each["figure"] for each in held if isinstance(each, dict) and "figure" in each]


def lacking(assets):
    return EmbeddingSet.load(assets / "numbers" / "gram" / "test")


def told(assets):
    made = lacking(assets)
    counts = [f"{int(np.isnan(rows[:, 0].numpy()).sum())} lack {name}" for name, rows in made.modalities.items()]
    return f"Of {len(made)} items, {', '.join(counts[:-1])} and {counts[-1]};"


def test_every_page_says_how_many_items_lack_what(assets, monkeypatch, tmp_path):
    monkeypatch.setenv("GRAM_CACHE", str(tmp_path))
    for page in ("geometry", "volumes", "projection", "retrieval", "failures"):
        app = open_app(page, item=ids(assets)[7]).run()
        assert not app.exception
        assert told(assets) in captions(app), page
        if "failures_job" in app.session_state:
            app.session_state["failures_job"].stop()


def test_a_visit_begins_with_an_item_that_has_all(assets):
    made = lacking(assets)
    app = open_app("geometry").run()
    item = app.selectbox(key="geometry_item").value
    assert all(bool(made.present(name)[made.row(item)]) for name in made.names)


def test_an_item_without_the_anchor_or_with_it_alone_has_no_volume(assets):
    app = open_app("geometry", item=ids(assets)[5], partner=ids(assets)[7]).run()
    assert not app.exception
    assert "Text alone spans no volume" in markup(app)
    assert "<td>–</td><td>0." in markup(app)
    app = open_app("geometry", item=ids(assets)[6], partner=ids(assets)[7]).run()
    assert not app.exception
    assert "there is no height, no volume and no mismatch" in markup(app)
    app_of_two = open_app("geometry", item=ids(assets)[9], partner=ids(assets)[7], draw="speech + tones").run()
    assert f"{ids(assets)[9]} is not drawn: of text, speech, tones it has text alone" in captions(app_of_two)
    drawn = "".join(map(str, figures(app)))
    assert "matched" in drawn
    assert "mismatched" not in drawn


def test_the_hardest_mismatch_has_the_smallest_side(assets):
    volumes = volumes_of({name: rows.numpy() for name, rows in lacking(assets).modalities.items()}, 10)
    smallest = min(volumes, key=lambda row: volumes[row][0])
    hardest = min(volumes, key=lambda row: volumes[row][0] ** (1 / volumes[row][1]))
    assert (hardest, volumes[smallest][1]) == (9, 4)
    app = open_app("geometry", item=ids(assets)[10]).run()
    assert app.selectbox(key="geometry_partner").value == ids(assets)[9]


@pytest.mark.parametrize(
    ("item", "of", "said"), [(1, "item", "lacks"), (6, "mismatch", "lacks text"), (5, "item", "no volume")]
)
def test_more_than_three_shows_the_vectors_that_are_there(assets, item, of, said):
    made = lacking(assets)
    title = {"item": "Your item", "mismatch": "Its mismatch"}[of]
    app = open_app("geometry", lesson="higher", item=ids(assets)[item], partner=ids(assets)[7], of=title).run()
    assert not app.exception
    shown = " ".join(each.value for each in [*app.markdown, *app.info])
    assert said in shown
    if said == "no volume":
        assert not figures(app)
        return
    row = item if of == "item" else 7
    there = [name for name in made.names if bool(made.present(name)[row if name != "text" else item])]
    assert f"The {len(there)} vectors of" in shown
    places = json.loads(figures(app)[0])["data"][0]["x"]
    assert [place.split("<br>")[1].removeprefix("+ ") for place in places] == there


def test_projection_warns_of_colours_by_volume_and_counts_what_is_grey(assets, tmp_path, monkeypatch):
    monkeypatch.setenv("GRAM_CACHE", str(tmp_path))
    made = lacking(assets)
    project(made, "pca")
    app = open_app("projection", item=ids(assets)[5], method="PCA", colour="volume").run()
    assert not app.exception
    there = sum(made.present(name).numpy().astype(int) for name in made.names[1:])
    grey = len(made) - int((made.present("text").numpy() & (there > 0)).sum())
    assert "Volume is not comparable" in captions(app)
    assert f"{grey} items lack text or what it is compared with, and are grey" in captions(app)
    placed = int(there.sum() + made.present("text").sum())
    assert f"of which {placed} are there" in captions(app)
    assert "of all points" in captions(app)
    assert "has none of image, speech, tones: no volume, no rank" in captions(app)
    app.selectbox(key="colour").set_value("rank").run()
    assert app.selectbox(key="measure").value == "normalized-volume"
    assert "not comparable" not in captions(app)


def test_retrieval_says_that_an_item_lacks_what_asks_or_what_it_is_found_by(assets):
    app = open_app("retrieval", item=ids(assets)[5], by="speech").run()
    assert not app.exception
    assert any("lacks speech: ask with another" in each.value for each in app.warning)
    app = open_app("retrieval", item=ids(assets)[8], by="image").run()
    assert not app.exception
    assert "it cannot be found" in captions(app)


def test_what_was_done_to_a_modality_is_not_told_of_an_item_that_lacks_it(assets):
    from app.widgets import cards

    made = lacking(assets)
    assert cards.corruptions_of(made, 5) == ""
    assert cards.corruptions_of(made, 1).startswith("picture:")
    assert "speech" not in cards.corruptions_of(made, 1)
