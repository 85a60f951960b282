"""The volumes page as a person uses it: select a range, and its items are listed."""

import re

import pytest
from playwright.sync_api import expect

from .conftest import settle

pytestmark = pytest.mark.browser

DRAWN = ".js-plotly-plot[data-drawn], [data-drawn] .js-plotly-plot, [data-drawn]"


@pytest.fixture
def volumes(open_page):
    page = open_page("/volumes")
    page.wait_for_selector(DRAWN)
    return page


def drag_range(page, left, right):
    """Drag across the histogram from one value of its axis to another."""
    area = page.locator(".nsewdrag").first
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + left * box["width"], y)
    page.mouse.down()
    for step in range(1, 6):
        page.mouse.move(box["x"] + (left + (right - left) * step / 5) * box["width"], y)
    page.mouse.up()


def listed(page):
    """The values that the cards under the picture bear."""
    return [float(re.search(r"V = ([01]\.\d+)", text)[1]) for text in page.locator(".card").all_inner_texts()]


def test_a_range_lists_its_items_with_their_media(volumes):
    drag_range(volumes, 0.5, 0.6)
    volumes.get_by_role("heading", level=3).first.wait_for()
    volumes.locator(".card img").first.wait_for()
    settle(volumes)
    values = listed(volumes)
    assert len(values) == 12
    assert values == sorted(values)
    assert all(0.5 <= value <= 0.6 for value in values)
    volumes.get_by_text("mismatched pairs", exact=False).last.click()
    volumes.locator(".card", has_text="→").first.wait_for()
    assert all(0.5 <= value <= 0.6 for value in listed(volumes))


def test_the_numbers_follow_model_and_measure(volumes):
    median = volumes.get_by_text("median of 2,000").locator("xpath=ancestor::*[2]")
    first = median.inner_text()
    volumes.get_by_role("combobox", name="Measure").click()
    volumes.get_by_role("option", name="centroid").click()
    volumes.wait_for_url(re.compile("measure=centroid"))
    settle(volumes)
    expect(median).not_to_have_text(first, use_inner_text=True)  # words may come after the run has ended
    second = median.inner_text()
    volumes.get_by_text("cosine", exact=True).first.click()  # the model, in the sidebar
    volumes.wait_for_url(re.compile("model=cosine"))
    settle(volumes)
    expect(median).not_to_have_text(second, use_inner_text=True)


def test_both_models_stand_on_one_axis(volumes):
    volumes.get_by_text("Both models").click()
    volumes.wait_for_url(re.compile("both=true", re.IGNORECASE))
    volumes.wait_for_function("() => document.querySelectorAll('.nsewdrag').length === 2")
    ranges = volumes.evaluate(
        "[...document.querySelectorAll('.js-plotly-plot')].flatMap(p => "
        "Object.keys(p._fullLayout).filter(k => /^xaxis/.test(k)).map(k => p._fullLayout[k].range))"
    )
    assert len({tuple(found) for found in ranges}) == 1


def test_a_link_reopens_the_range_in_another_browser(volumes, open_page):
    drag_range(volumes, 0.5, 0.6)
    volumes.wait_for_url(re.compile("range=volume-matched-"))
    volumes.locator(".card img").first.wait_for()
    settle(volumes)
    other = open_page("/volumes?" + volumes.url.split("?")[1])
    other.locator(".card img").first.wait_for()
    assert listed(other) == listed(volumes)


def test_a_visit_is_two_steps_of_the_back_button_at_most_and_the_picture_has_its_room_reserved(volumes):
    plot = "document.querySelector('.chart-plot')"
    assert volumes.evaluate(f"parseFloat({plot}.style.minHeight) === {plot}.layout.height")
    steps = volumes.evaluate("history.length")
    volumes.get_by_role("link", name="Projection").click()
    volumes.wait_for_url(re.compile(r"/projection\?.*partner="))
    settle(volumes)
    assert volumes.evaluate("history.length") <= steps + 2  # the page, and all of the selection at once
