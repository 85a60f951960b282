"""The geometry page and what surrounds every page, as a person sees them."""

import json
import re

import pytest

from .conftest import MILLISECONDS, settle

pytestmark = pytest.mark.browser

PAGES = ("geometry", "volumes", "projection", "retrieval")
DRAWN = ".scene3d-plot[data-drawn] canvas"
# The share of the scene's pixels that differ from its first one: 0 for a blank picture.
INKED = """async () => {
  const plot = document.querySelector('.scene3d-plot');
  const source = await Plotly.toImage(plot, { format: 'png', width: 300, height: 200 });
  const image = new Image(); image.src = source; await image.decode();
  const canvas = document.createElement('canvas'); canvas.width = 300; canvas.height = 200;
  const context = canvas.getContext('2d'); context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, 300, 200);
  let inked = 0;
  for (let i = 4; i < data.length; i += 4) {
    if ([0, 1, 2, 3].some((c) => Math.abs(data[i + c] - data[c]) > 12)) inked += 1;
  }
  return inked / (data.length / 4);
}"""
# A quick turn, let go just before a frame that comes late: plotly would let the view coast on.
QUICK_TURN = """() => {
  const canvas = document.querySelector('.scene3d-plot canvas'), box = canvas.getBoundingClientRect();
  const wait = (ms) => { for (const until = performance.now() + ms; performance.now() < until; ); };
  const send = (kind, step, buttons) => canvas.dispatchEvent(new MouseEvent(kind, {
    bubbles: true, view: window, buttons, clientX: box.x + box.width / 2 + 6 * step, clientY: box.y + box.height / 2,
  }));
  send('mousemove', 0, 0); send('mousedown', 0, 1);
  for (const step of [1, 2, 3]) { wait(8); send('mousemove', step, 1); }
  send('mouseup', 3, 0); wait(150);
}"""
CAMERA = "document.querySelector('.scene3d-plot')._fullLayout.scene._scene.getCamera()"
# plotly sets the camera of a new figure upright over half a second, in which it follows nothing else.
UPRIGHT = """() => document.querySelector('.scene3d-plot')._fullLayout.scene._scene.glplot.camera.view.lastT()
              <= performance.now()"""


@pytest.fixture
def geometry(open_page):
    page = open_page("/geometry")
    page.wait_for_selector(DRAWN)
    return page


def drawings(page):
    return int(page.locator(".scene3d-plot").get_attribute("data-drawn"))


def volumes(page):
    """The matched and the mismatched volume in the table of values."""
    cells = page.locator("table.values tbody tr").first.locator("td").all_inner_texts()
    return [float(cell) for cell in cells]


def drag(page):
    page.wait_for_function(UPRIGHT)
    box = page.locator(".scene3d-plot").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 9):
        page.mouse.move(x + 15 * step, y + 5 * step)
        page.evaluate("() => new Promise(requestAnimationFrame)")  # as slow as a hand: the view follows frame by frame
    page.mouse.up()
    page.wait_for_function(
        f"() => {{ const now = JSON.stringify({CAMERA}.eye), same = now === window.lastEye;"
        "window.lastEye = now; return same; }",
        polling=500,
    )


def test_a_first_visit_lands_on_a_drawn_pair(open_page):
    page = open_page("/")
    page.wait_for_url(re.compile(r"/geometry\?.*item=\d{4}.*partner=\d{4}"))
    page.wait_for_selector(DRAWN)
    assert page.get_by_role("heading", name="Geometry").is_visible()
    matched, mismatched = volumes(page)
    assert 0 <= matched < mismatched <= 1
    assert page.evaluate(INKED) > 0.02


def test_the_camera_stays_where_it_was_put(geometry):
    before = geometry.evaluate(CAMERA)["eye"]
    drag(geometry)
    turned = geometry.evaluate(CAMERA)["eye"]
    assert turned != before
    count = drawings(geometry)
    geometry.get_by_text("image + tones").click()
    geometry.wait_for_function("n => Number(document.querySelector('.scene3d-plot').dataset.drawn) > n", arg=count)
    after = geometry.evaluate(CAMERA)["eye"]
    assert after == pytest.approx(turned, abs=1e-6)
    assert "draw=image" in geometry.url
    drag(geometry)
    assert geometry.evaluate(CAMERA)["eye"] != pytest.approx(turned, abs=1e-3)


def test_the_camera_stands_still_once_let_go(geometry):
    before = geometry.evaluate(CAMERA)["eye"]
    geometry.evaluate(QUICK_TURN)
    geometry.wait_for_timeout(500)
    turned = geometry.evaluate(CAMERA)["eye"]
    assert turned != pytest.approx(before, abs=1e-3)
    assert geometry.evaluate("window.gramCameras.get('geometry_scene')")["eye"] == pytest.approx(turned, abs=1e-6)


def test_the_camera_survives_another_item(geometry):
    geometry.evaluate(QUICK_TURN)
    geometry.wait_for_timeout(500)
    turned, count = geometry.evaluate(CAMERA)["eye"], drawings(geometry)
    before = geometry.url
    other = next(number for number in ("0033", "0041") if f"item={number}" not in before)
    geometry.get_by_role("combobox", name="Item").fill(other)
    geometry.get_by_role("option", name=other).click()
    geometry.wait_for_url(re.compile(f"item={other}"))
    geometry.wait_for_function("n => Number(document.querySelector('.scene3d-plot').dataset.drawn) > n", arg=count)
    assert geometry.evaluate(CAMERA)["eye"] == pytest.approx(turned, abs=1e-6)


def test_a_picture_is_kept_while_another_page_is_shown_and_goes_on_where_it_was(geometry):
    turned = geometry.evaluate(CAMERA)["eye"]
    geometry.evaluate("window.picture = document.querySelector('.scene3d-plot canvas')")
    geometry.get_by_role("link", name="Volumes", exact=True).click()
    geometry.locator(".scene3d-plot").wait_for(state="detached")
    settle(geometry)
    geometry.get_by_role("link", name="Geometry", exact=True).click()
    geometry.wait_for_selector(DRAWN)
    settle(geometry)
    assert geometry.evaluate("document.querySelector('.scene3d-plot canvas') === window.picture")
    assert geometry.evaluate(CAMERA)["eye"] == pytest.approx(turned, abs=1e-6)
    count = drawings(geometry)
    geometry.get_by_text("image + tones").click()
    geometry.wait_for_function("n => Number(document.querySelector('.scene3d-plot').dataset.drawn) > n", arg=count)
    settle(geometry)
    drag(geometry)
    assert geometry.evaluate("window.gramCameras.get('geometry_scene')")["eye"] != pytest.approx(turned, abs=1e-3)
    assert geometry.evaluate(INKED) > 0.02
    width = geometry.locator(".scene3d-plot").bounding_box()["width"]
    geometry.set_viewport_size({"width": 1000, "height": 900})  # its size is watched again
    geometry.wait_for_function(
        "was => { const { clientWidth, layout } = document.querySelector('.scene3d-plot');"
        "return clientWidth < was - 50 && layout.width === clientWidth }",
        arg=width,
    )


def test_training_is_replayed(geometry):
    trained = volumes(geometry)
    thumb = geometry.get_by_test_id("stSlider").get_by_role("slider")
    thumb.focus()
    geometry.keyboard.press("Home")
    geometry.wait_for_function("() => document.body.innerText.includes('untrained')")
    geometry.wait_for_function(
        "was => document.querySelector('table.values td').innerText !== was",
        arg=geometry.locator("table.values td").first.inner_text(),
    )
    settle(geometry)
    assert volumes(geometry) != trained


def test_a_picture_and_the_numbers_are_saved(geometry, tmp_path):
    for kind in ("png", "svg", "html"):
        with geometry.expect_download() as found:
            geometry.locator(f".scene3d button[data-do={kind}]").click()
        assert found.value.suggested_filename.endswith(f".{kind}")
        saved = tmp_path / f"picture.{kind}"
        found.value.save_as(saved)
        assert saved.stat().st_size > 5_000
    with geometry.expect_download() as found:
        geometry.get_by_role("button", name="Download numbers").click()
    found.value.save_as(tmp_path / "numbers.csv")
    assert (tmp_path / "numbers.csv").read_text().startswith("body,matched,first,second,cosine")


def test_a_link_that_makes_no_sense_is_answered_in_one_line(open_page):
    page = open_page("/geometry?item=nobody")
    page.wait_for_selector(DRAWN)
    assert page.get_by_text("No item “nobody” in this set").is_visible()


def test_the_selection_goes_along_from_page_to_page(geometry):
    asked = dict(re.findall(r"(item|partner)=(\d{4})", geometry.url))
    for name in (*PAGES[1:], PAGES[0]):
        geometry.get_by_role("link", name=name.capitalize(), exact=True).first.click()
        geometry.wait_for_url(re.compile(f"/{name}"))
        geometry.get_by_role("heading", name=name.capitalize(), level=1).wait_for()
        settle(geometry)
        for key, value in asked.items():
            assert f"{key}={value}" in geometry.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_phone_scrolls_down_only(open_page, name, scheme):
    page = open_page(f"/{name}", width=390, height=844, scheme=scheme)
    page.get_by_role("heading", name=name.capitalize(), level=1).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert not page.get_by_test_id("stException").count()


def test_nothing_is_fetched_from_elsewhere(browser, address):
    page = browser.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}/geometry")
    page.wait_for_selector(DRAWN, timeout=MILLISECONDS)
    page.close()
    elsewhere = [url for url in asked if not url.startswith((address, "data:", "blob:", "ws:"))]
    assert not elsewhere, json.dumps(elsewhere, indent=1)
