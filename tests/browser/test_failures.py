"""The failures page as a person uses it, in a browser: press a cell, go into a case, read the cause, take it away."""

import csv
import re
from html import unescape
from pathlib import Path

import pytest

from .conftest import settle

pytestmark = pytest.mark.browser

PAIR = "left-ranking=cosine+model+by+volume&right-ranking=cosine+model+by+cosine"


@pytest.fixture
def failures(open_page):
    """The page with both rankings' cases, the least of its parts."""
    return opened(open_page)


def opened(open_page, query=PAIR, **look):
    page = open_page(f"/failures?{query}", **look)
    page.wait_for_selector(".outcomes")
    page.wait_for_selector(".case-head")
    return page


def count(page, cell):
    return int(page.locator(f'[data-cell="{cell}"] b').inner_text().replace(",", ""))


def shown(page):
    return int(re.search(r": ([\d,]+) case", page.locator(".listed h4").inner_text())[1].replace(",", ""))


def lists(page, wanted):
    """Wait until so many cases are listed; the board is drawn before the list."""
    page.locator(".listed h4", has_text=re.compile(rf": {wanted:,} cases?$")).wait_for()


# A cell is pressed when it has its number and the rest is under way; what the server says then comes 8 seconds late.
LATE = """
  let late = false;
  const waiting = [];
  setInterval(() => { while (!late && waiting.length) waiting.shift()(); }, 20);
  window.WebSocket = class extends WebSocket {
    addEventListener(kind, listener, ...rest) {
      const heard = kind !== "message" ? listener : (event) => {
        if (late || waiting.length) waiting.push(() => listener(event));
        else listener(event);
      };
      super.addEventListener(kind, heard, ...rest);
    }
  };
  const within = (root, what) => root.querySelector(what) ?? [...root.querySelectorAll("*")]
    .map((each) => each.shadowRoot && within(each.shadowRoot, what)).find(Boolean);
  const soon = setInterval(() => {
    const cell = within(document, '[data-cell="both-missed"]');
    if (!cell?.querySelector("b") || !document.querySelector("[data-testid=stProgress]")) return;
    clearInterval(soon);
    window.remediesWereThere = Boolean(document.querySelector(".remedies"));
    late = true;
    cell.click();
    setTimeout(() => { late = false; window.isHeard = true; }, 8000);
  }, 50);
"""


def test_what_is_pressed_holds_though_the_browser_learns_its_address_late(open_page):
    """Findings and remedies come meanwhile, and the browser asks for them with the address of before the press."""
    page = open_page(f"/failures?{PAIR}&candidates=tones", before=LATE)
    page.wait_for_function("window.isHeard")
    page.wait_for_selector(".remedies")
    settle(page)
    assert page.evaluate("window.remediesWereThere") is False
    assert page.locator('[data-cell][aria-pressed="true"]').get_attribute("data-cell") == "both-missed"
    assert "cell=both-missed" in page.url
    assert shown(page) == count(page, "both-missed")


def test_a_cell_lists_its_items_and_a_case_states_its_cause(failures):
    total = count(failures, "left-missed")
    assert total == count(failures, "only-right") + count(failures, "both-missed")
    assert shown(failures) == total
    failures.locator('[data-cell="only-right"]').click()
    failures.wait_for_url(re.compile("cell=only-right"))
    failures.wait_for_selector('[data-cell="only-right"][aria-pressed="true"]')
    lists(failures, count(failures, "only-right"))
    settle(failures)
    row = failures.locator("tr.case").nth(1)
    item, winner = row.get_attribute("data-id"), row.get_attribute("data-winner")
    row.click()
    failures.wait_for_url(re.compile(f"item={item}.*partner={winner}|partner={winner}.*item={item}"))
    settle(failures)  # while the case before is still fading there are two of each
    failures.locator(".case-head h3", has_text=f"{item} lost to {winner}").wait_for()
    cause = failures.locator(f'tr.case[data-id="{item}"] .of-cause span').inner_text()
    stated = failures.locator(".stated").inner_text()
    assert stated.startswith(cause)
    assert stated.endswith(".")
    cards = failures.locator(".trio .card .number").all_inner_texts()
    assert cards == [item, winner]
    assert failures.locator(".trio .card img").count() == 2
    failures.wait_for_selector(".st-key-failures_scene .js-plotly-plot, .js-plotly-plot canvas")
    assert failures.get_by_role("link", name="Open in Geometry").get_attribute("href").count(item)


def test_the_link_brings_the_same_case_back(failures):
    row = failures.locator("tr.case").nth(2)
    item = row.get_attribute("data-id")
    row.locator("[data-row]").focus()
    failures.keyboard.press("Enter")
    failures.locator(".case-head h3", has_text=f"{item} lost to").wait_for()
    failures.reload()
    failures.locator(".case-head h3", has_text=f"{item} lost to").wait_for()
    failures.locator("tr.case[aria-current]").wait_for()
    assert failures.locator("tr.case[aria-current]").get_attribute("data-id") == item


def test_the_arrow_keys_walk_the_list_and_the_buttons_the_cases(failures):
    first, second = failures.locator("[data-row]").nth(0), failures.locator("[data-row]").nth(1)
    first.focus()
    failures.keyboard.press("ArrowDown")
    assert second.evaluate("each => each.getRootNode().activeElement === each")
    item = failures.locator("tr.case").nth(1).get_attribute("data-id")
    failures.get_by_role("button", name="Next case").click()
    failures.locator(".case-head h3", has_text=f"{item} lost to").wait_for()


def test_a_head_sorts_and_a_bar_filters(failures):
    failures.locator("th.of-rank .sort").click()
    failures.wait_for_selector(".of-rank[aria-sort=ascending]")
    failures.locator("th.of-rank .sort").click()
    failures.wait_for_selector(".of-rank[aria-sort=descending]")
    ranks = [float(each.replace(",", "")) for each in failures.locator("td.of-rank").all_inner_texts()]
    assert ranks == sorted(ranks, reverse=True)
    assert "order=-rank" in failures.url
    bar = failures.locator(".cause").first
    wanted = int(bar.locator("b").inner_text().replace(",", ""))
    bar.click()
    failures.wait_for_url(re.compile("cause="))
    failures.wait_for_selector('.cause[aria-pressed="true"]')
    failures.locator(".chips .press").first.wait_for()
    lists(failures, wanted)
    failures.locator(".chips .press").first.click()
    failures.wait_for_selector('.cause[aria-pressed="true"]', state="detached")
    press_hub_bar(failures, ranking=1, bar=2)  # of the ranking that is not listed: the page goes over to its failures
    failures.wait_for_selector('[data-cell="right-missed"][aria-pressed="true"]')
    failures.locator(".chips .press", has_text="winner first for 2 queries").wait_for()
    assert 0 < shown(failures) < count(failures, "right-missed")
    press_hub_bar(failures, ranking=1, bar=0)  # who is never first has won nothing
    failures.get_by_text("No case passes these filters").wait_for()
    failures.get_by_role("button", name="Clear the filters").click()
    lists(failures, count(failures, "right-missed"))


def press_hub_bar(page, *, ranking, bar):
    settle(page)
    page.locator(".st-key-failures_hubs").scroll_into_view_if_needed()
    box = page.locator(".st-key-failures_hubs .trace.bars").nth(ranking).locator(".point").nth(bar).bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 4)  # its top: on a log axis bars have no end below


def save(page, name, folder):
    with page.expect_download() as waiting:
        page.get_by_role("button", name=name, exact=True).click()
    target = Path(folder) / waiting.value.suggested_filename
    waiting.value.save_as(target)
    return target


def test_cases_are_taken_away_as_a_table_and_as_a_report_that_leads_back(failures, open_page, tmp_path):
    with save(failures, "CSV", tmp_path).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == shown(failures)
    assert {"id", "winner", "margin", "cause", "speech_snr"} <= set(rows[0])
    assert save(failures, "Parquet", tmp_path).read_bytes()[:4] == b"PAR1"
    report = save(failures, "Report", tmp_path).read_text()
    assert "data:image/png;base64," in report
    assert not re.findall(r'(?:src|href)="(?!data:|http://localhost)', report)  # nothing from the network
    links = [unescape(each) for each in re.findall(r'href="([^"]+)">Open this case', report)]
    assert len(links) == min(500, len(rows))
    path = "/" + links[3].split("/", 3)[3]
    page = open_page(path)
    page.locator(".case-head h3", has_text=f"{rows[3]['label']} lost to").wait_for()


def test_a_wrong_answer_of_retrieval_leads_here(failures, open_page):
    item = failures.locator("tr.case").first.get_attribute("data-id")
    page = open_page(f"/retrieval?{PAIR.replace('-ranking', '')}&q={item}")
    page.get_by_role("link", name="Open in Failures").first.click()
    page.locator(".case-head h3", has_text=f"{item} lost to").wait_for()
    assert page.locator('[data-cell="left-missed"]').get_attribute("aria-pressed") == "true"
    assert shown(page) == count(page, "left-missed") == count(failures, "left-missed")


def test_remedies_and_findings_come_with_time(failures):
    failures.locator(".remedies tbody tr").first.wait_for()
    assert failures.locator(".remedies .told").count() >= 5
    failures.get_by_text("looked at: all").wait_for()


def test_a_phone_scrolls_down_only_and_goes_to_the_case(open_page):
    page = opened(open_page, width=390, height=844)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("tr.case").nth(1).click()
    page.wait_for_function(
        "() => { for (const each of document.querySelectorAll('*')) { const head = each.shadowRoot?.querySelector("
        "'.case-head'); if (head) { const { top } = head.getBoundingClientRect(); return top >= -5 && top < 400; } } }"
    )
