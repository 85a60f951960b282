"""Nothing jumps while a page comes: how far what is seen moves by itself, as browsers count it."""

import pytest

from tests.browser.conftest import settle

pytestmark = pytest.mark.browser

# https://web.dev/articles/cls: the share of the window that moves times how far, added up; 0.1 and less is called good,
# more than 0.25 poor. On a busy machine a page comes in more steps.
MOST = 0.2
WATCH = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const { value, hadRecentInput, sources } of list.getEntries())
    if (!hadRecentInput) window.shifts.push({ value, what: sources.map(({ node }) => String(node?.className)) });
}).observe({ type: "layout-shift", buffered: true });
"""


WIDE, PHONE = (1440, 900), (390, 844)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        *((name, WIDE) for name in ("geometry", "projection", "retrieval", "failures", "evidence", "align")),
        *((name, PHONE) for name in ("geometry", "volumes", "evidence")),
    ],
)
def test_nothing_jumps_while_a_page_comes(open_page, name, size):
    width, height = size
    page = open_page(f"/{name}", width=width, height=height, before=WATCH)
    page.wait_for_selector("dl.facts" if size is WIDE else "h1")
    settle(page)
    page.wait_for_timeout(1000)
    shifts = page.evaluate("window.shifts")
    assert sum(shift["value"] for shift in shifts) < MOST, shifts


def test_room_that_was_kept_is_given_back_where_there_is_less_to_show(open_page):
    page = open_page("/failures")
    page.locator(".case-head").wait_for()
    label = page.get_by_label("Label contains")
    label.fill("2726")
    label.press("Enter")
    page.get_by_text("1 of 1 listed").wait_for()
    settle(page)
    assert page.locator(".st-key-failures_list").bounding_box()["height"] < 400
