"""When pictures are drawn, in a browser: those in sight first, the rest soon after, and none twice for the same."""

import re

import pytest
from playwright.sync_api import expect

from .conftest import settle

pytestmark = pytest.mark.browser
COUNT = 8  # pictures of the Evidence page
ALL_DRAWN = f"document.querySelectorAll('.chart-plot[data-drawn]:not([data-late])').length === {COUNT}"
SOON = 300  # milliseconds from a scroll to a picture that is there

# The browser has always something better to do than to draw what is out of sight.
NEVER_IDLE = "window.requestIdleCallback = () => 0;"


def pictures(page):
    return page.locator(".chart-plot")


def drawn(page):
    """How often each picture of the page was drawn."""
    return pictures(page).evaluate_all("all => all.map((each) => Number(each.dataset.drawn ?? 0))")


def go(page, title):
    page.get_by_role("link", name=title, exact=True).first.click()
    page.wait_for_function("title => document.querySelector('h1')?.textContent === title", arg=title)
    settle(page)


def test_a_picture_out_of_sight_is_drawn_when_it_is_scrolled_to_and_not_before(open_page):
    page = open_page("/evidence", before=NEVER_IDLE)
    page.wait_for_selector(".chart-plot[data-drawn]")
    page.wait_for_timeout(1500)
    assert drawn(page)[0] == 1
    assert drawn(page)[3:] == [0] * (COUNT - 3)
    room = pictures(page).nth(5).bounding_box()["height"]
    waited = page.evaluate(
        """async () => {
          const plot = document.querySelectorAll(".chart-plot")[5];
          const started = performance.now();
          plot.scrollIntoView({ behavior: "instant" });
          while (!plot.dataset.drawn) await new Promise(requestAnimationFrame);
          return performance.now() - started;
        }"""
    )
    assert waited < 10 * SOON  # the machine may do much else meanwhile
    expect(pictures(page).nth(5).locator(".xtick").first).to_be_visible()
    assert pictures(page).nth(5).bounding_box()["height"] == room
    assert drawn(page)[7] == 0


def test_all_pictures_are_there_soon_though_nobody_scrolls(open_page):
    page = open_page("/evidence")
    page.wait_for_function(ALL_DRAWN)
    assert drawn(page) == [1] * COUNT


def test_what_is_printed_is_drawn_before(open_page):
    page = open_page("/evidence", before=NEVER_IDLE)
    page.wait_for_selector(".chart-plot[data-drawn]")
    page.wait_for_timeout(500)
    assert 0 in drawn(page)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function(ALL_DRAWN)


def test_pictures_are_kept_while_another_page_is_shown(open_page):
    page = open_page("/evidence")
    page.wait_for_function(ALL_DRAWN)
    pictures(page).evaluate_all("all => all.forEach((each) => (each.mine = true))")
    go(page, "Align")
    page.set_viewport_size({"width": 900, "height": 900})
    go(page, "Evidence")
    page.wait_for_function(ALL_DRAWN)
    assert pictures(page).evaluate_all("all => all.map((each) => each.mine)") == [True] * COUNT
    assert drawn(page) == [1] * COUNT
    page.wait_for_function(
        "[...document.querySelectorAll('.chart-plot')].every((each) => each._fullLayout.width === each.clientWidth)"
    )
    page.set_viewport_size({"width": 1440, "height": 900})


def test_a_picture_is_not_drawn_anew_where_it_shows_the_same(open_page):
    page = open_page("/evidence")
    page.wait_for_function(ALL_DRAWN)
    page.get_by_role("button", name="speech", exact=True).click()
    page.wait_for_url(re.compile("candidates="))
    settle(page)
    assert drawn(page) == [1] * COUNT


def test_a_picture_that_changes_out_of_sight_shows_the_new_once_it_is_scrolled_to(open_page):
    page = open_page("/failures")
    cells = pictures(page).filter(has=page.locator(".heatmaplayer image"))
    page.wait_for_selector(".chart-plot:not([data-late]) .heatmaplayer image", state="attached")
    page.evaluate("window.requestIdleCallback = () => 0")
    before = cells.evaluate("plot => JSON.stringify(plot.data[0].z)")
    page.get_by_role("button", name=re.compile("^Only left found")).click()
    page.wait_for_selector(".chart-plot[data-late]", state="attached")
    settle(page)
    assert cells.evaluate("plot => JSON.stringify(plot.data[0].z)") == before
    cells.scroll_into_view_if_needed()
    page.wait_for_function("!document.querySelector('.chart-plot[data-late] .heatmaplayer')")
    assert cells.evaluate("plot => JSON.stringify(plot.data[0].z)") != before


def test_a_link_to_a_claim_leads_to_its_picture(open_page):
    page = open_page("/evidence")
    page.locator("nav.contents a").nth(COUNT - 1).click()
    expect(pictures(page).nth(COUNT - 1).locator(".xtick").first).to_be_visible()
    heading = page.locator("h3").last
    expect(heading).to_be_in_viewport()
