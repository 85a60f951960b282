"""All measures at once, as a person has them computed: watched, stopped, gone on with, sorted."""

import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

pytestmark = pytest.mark.browser

NUMBERS = Path(__file__).parents[2] / "assets" / "numbers"
LINES = ".measures tbody tr"


def first_among_all(twin: str) -> float:
    """R@1 of text against image by volume, which for two unit vectors goes by the size of their cosine."""
    vectors = load_file(NUMBERS / twin / "test" / "embeddings.safetensors")
    text, image = (vectors[name].astype(np.float64) for name in ("text", "image"))
    text, image = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (text, image))
    closeness = np.abs(text @ image.T)
    return float(np.mean(closeness.argmax(axis=1) == np.arange(len(text))))


def line(page, measure: str, twin: str):
    return page.locator(LINES).filter(has_text=re.compile(rf"^\s*{measure}\s*{twin} model")).first


def test_measured_stopped_and_gone_on_with(open_page):
    page = open_page("/retrieval?candidates=image")
    page.get_by_role("button", name="Measure all").click()
    page.locator(LINES).first.wait_for()  # rows come while the rest is computed
    assert page.get_by_role("progressbar").count() >= 1
    page.get_by_role("button", name="Stop", exact=True).click()
    rest = page.get_by_role("button", name="Measure the rest")
    rest.wait_for()
    done = page.locator(LINES).count()
    assert done >= 1
    rest.click()
    for twin in ("gram", "cosine"):
        cell = line(page, "Volume", twin).locator("td").first
        cell.wait_for()
        page.wait_for_function("cell => /\\d/.test(cell.innerText)", arg=cell.element_handle())
        assert float(re.search(r"[\d.]+", cell.inner_text())[0]) == pytest.approx(100 * first_among_all(twin), abs=0.06)
    page.get_by_role("button", name="Stop", exact=True).wait_for(state="detached")
    assert page.get_by_role("button", name=re.compile("^Measure")).count() == 0
    best_first = page.locator(f"{LINES} td:first-of-type").all_inner_texts()
    values = [float(re.search(r"[\d.]+", each)[0]) for each in best_first]
    assert values == sorted(values, reverse=True)
    page.get_by_role("radio", name="measure", exact=True).click()
    page.wait_for_url(re.compile("sort=measure"))
