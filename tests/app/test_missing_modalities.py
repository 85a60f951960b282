"""Pages on sets whose items lack modalities: they begin with a measure that compares, warn, count, and draw."""

import shutil

import numpy as np
import pytest
import streamlit as st

from gram.embedding_set import EmbeddingSet

from .conftest import ROOT, build_assets, open_app


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
    from app import media

    made = EmbeddingSet.load(assets / "numbers" / "gram" / "test")
    markup = media.listen_html(made, 1, place="left")
    assert "no speech" in markup
    assert 'data-modality="speech"' not in markup
    assert media.picture_html(made, 2, dark=False) == ""
