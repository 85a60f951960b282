"""The evidence page as a person uses it, in a browser: read, look, run an experiment, on a wide screen and a phone."""

import pytest
from playwright.sync_api import expect

from .conftest import settle

pytestmark = pytest.mark.browser
CLAIMS = 8


def test_every_claim_has_its_finding_and_its_picture_on_a_phone_too(open_page):
    page = open_page("/evidence", width=390, height=844)
    expect(page.locator(".found")).to_have_count(CLAIMS)
    expect(page.locator("nav.contents a")).to_have_count(CLAIMS)
    page.locator("nav.contents a", has_text="Rivals").click()
    expect(page.get_by_role("heading", name="Rivals", exact=True)).to_be_in_viewport()
    expect(page.locator(".js-plotly-plot").nth(6)).to_be_visible()
    expect(page.locator(".js-plotly-plot").nth(6).locator(".ytick text", has_text="gram-cosine")).to_be_visible()
    page.locator("details.published summary").first.click()
    expect(page.locator("details.published th", has_text="GRAM, text against video+audio").first).to_be_visible()
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0


def test_an_experiment_is_run_here_and_its_result_shown(open_page):
    page = open_page("/evidence")
    first = page.locator(".found").first
    shipped = first.text_content()
    page.get_by_role("button", name="Quick run").first.click()
    expect(page.get_by_text("It shows that it works, and no more.")).to_be_visible()
    settle(page)
    expect(first).not_to_have_text(shipped)
    page.get_by_role("radio", name="shipped").first.click()
    expect(first).to_have_text(shipped)
