"""The projection page as a person uses it: at once, selectable, in two dimensions and three."""

import re
import time

import pytest

from .conftest import settle

pytestmark = pytest.mark.browser

DRAWN = ".js-plotly-plot"


@pytest.fixture
def projection(open_page):
    page = open_page("/projection")
    page.wait_for_selector(DRAWN)
    return page


def test_the_first_view_is_there_at_once(open_page):
    open_page("/projection").wait_for_selector(DRAWN)  # the server has read what it needs
    started = time.perf_counter()
    page = open_page("/projection")
    page.wait_for_selector(DRAWN)
    assert time.perf_counter() - started < 10  # a first UMAP takes most of a minute
    points = page.evaluate(
        "document.querySelector('.js-plotly-plot')._fullData.map(t => t.x.length).filter(length => length > 100)"
    )
    assert points == [2000] * 4


def test_a_box_lists_its_items(projection):
    projection.locator(".modebar-btn[data-val=select]").click()
    box = projection.locator(".nsewdrag").first.bounding_box()
    projection.mouse.move(box["x"] + 4, box["y"] + 4)
    projection.mouse.down()
    projection.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
    projection.mouse.move(box["x"] + box["width"] - 4, box["y"] + box["height"] - 4, steps=5)
    projection.mouse.up()
    projection.get_by_role("heading", name=re.compile("2,000 selected items")).wait_for()
    settle(projection)
    assert projection.locator(".card").count() == 12
    card = projection.locator(".card").nth(1)
    item = re.search(r"\d{4}", card.inner_text())[0]
    card.get_by_role("button", name=re.compile(item)).first.click()
    projection.wait_for_url(re.compile(f"item={item}"))


def test_space_is_drawn_and_pressed_points_become_current(projection):
    projection.get_by_text("3D", exact=True).click()
    projection.wait_for_url(re.compile("dims=3D"))
    projection.wait_for_selector(".scene3d-plot[data-drawn] canvas")
    assert projection.locator(".scene3d-plot").get_attribute("aria-label").startswith("UMAP of the embeddings")


def test_a_selection_is_seen_again_after_another_model_and_in_space(open_page):
    page = open_page("/projection?colour=digit&method=PCA")
    page.wait_for_selector(DRAWN)
    shown = page.evaluate(
        "(([low, high]) => high - low)(document.querySelector('.js-plotly-plot')._fullLayout.yaxis.domain)"
    )
    plot = page.evaluate(
        "(({_size, height}) => _size.h / height)(document.querySelector('.js-plotly-plot')._fullLayout)"
    )
    assert shown * plot > 0.8  # ten digits below the picture left it a third
    page.locator(".modebar-btn[data-val=select]").click()
    box = page.locator(".nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + 4, box["y"] + 4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.3, steps=5)
    page.mouse.move(box["x"] + box["width"] * 0.55, box["y"] + box["height"] * 0.45, steps=5)
    page.mouse.up()
    heading = page.get_by_role("heading", name=re.compile("selected items"))
    heading.wait_for()
    settle(page)
    count = int(heading.inner_text().split()[0].replace(",", ""))
    bright = (
        "count => { const bright = [...document.querySelectorAll('.js-plotly-plot')].flatMap(plot => plot._fullData)"
        ".filter(trace => trace.meta === 'selected'); "
        "return bright.length === 4 && bright.every(trace => trace.x.length === count); }"
    )
    page.wait_for_function(bright, arg=count)
    sidebar = page.locator(".st-key-sidebar_model")
    sidebar.get_by_text("cosine", exact=True).click()
    heading.wait_for(state="detached")
    sidebar.get_by_text("gram", exact=True).click()
    page.wait_for_function(bright, arg=count)
    page.get_by_text("3D", exact=True).click()
    page.wait_for_selector(".scene3d-plot[data-drawn] canvas")
    page.wait_for_function(bright, arg=count)
