import logging
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.elements.lib import policies
from streamlit.testing.v1 import AppTest

from gram.data.embedding_set import EmbeddingSet
from gram.datasets.spoken_numbers import draw_recipes, numbers_of
from tests.helpers.patience import PATIENCE

ROOT = Path(__file__).parents[2]
MODALITIES = ("text", "image", "speech", "tones")
STEPS = (0, 100, 1000)


def _vectors(n: int, d: int, noise: float, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return unit vectors: what the modalities of an item share, and what each has alone."""
    shared = rng.normal(size=(n, d))
    found = {}
    for name in MODALITIES:
        rows = shared + noise * rng.normal(size=(n, d))
        found[name] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
    return found


def _save(folder: Path, vectors: dict[str, np.ndarray], items: pd.DataFrame, **info: object) -> None:
    EmbeddingSet(vectors, items, {"name": "spoken numbers", "anchor": "text", **info}).save(folder)


def build_assets(root: Path, *, n: int = 60, d: int = 32) -> Path:
    """Write both models' test sets and training runs, synthetic, in the layout of the shipped ones."""
    rng = np.random.default_rng(7)
    items = draw_recipes(numbers_of("test")[:n], "test", seed=5)
    for model, final in (("gram", 0.5), ("cosine", 0.8)):
        folder = root / "numbers" / model
        _save(folder / "test", _vectors(n, d, final, rng), items, model=model)
        for step in STEPS:
            noise = final + 3 * (1 - step / STEPS[-1])
            part = {name: rows[: n // 3] for name, rows in _vectors(n, d, noise, rng).items()}
            stop = folder / "trajectory" / f"step-{step:06d}"
            _save(stop, part, items.iloc[: n // 3], model=model, step=step)
    return root


@pytest.fixture(scope="session")
def synthetic_assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_assets(tmp_path_factory.mktemp("assets"))


@pytest.fixture
def assets(synthetic_assets: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let the app find the synthetic sets."""
    monkeypatch.setenv("GRAM_ASSETS", str(synthetic_assets))
    monkeypatch.setenv("GRAM_DEVICE", "cpu")
    yield synthetic_assets
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture(autouse=True)
def nothing_to_warn_of(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail where Streamlit finds fault with how a page uses its widgets."""
    monkeypatch.setattr(policies, "_shown_default_value_warning", False)  # it says so once a process
    for name in [name for name in logging.root.manager.loggerDict if name.startswith("streamlit.elem")]:
        monkeypatch.setattr(logging.getLogger(name), "propagate", True)  # Streamlit's own handlers are out of sight
    yield
    found = [record.getMessage() for record in caplog.get_records("call") if record.name.startswith("streamlit.elem")]
    assert not found


def open_app(page: str | None = None, **query: str) -> AppTest:
    """Open the app at `/` or at a page, with a query, as a person does who follows a link; it is still to be run."""
    app = _app()
    app._page_hash = _hashes()[page] if page else ""  # `AppTest.switch_page` finds only pages that are files
    app.query_params.update(query)
    return app


@cache
def _hashes() -> dict[str, str]:
    """Return what Streamlit calls each page inside, by the path in its URL."""
    pages = _app().run()._registered_pages
    return {str(info["url_pathname"]): key for key, info in pages.items()}


def _app() -> AppTest:
    return AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=PATIENCE)
