"""The start in a browser: plotly.js is there before a picture asks for it, and comes once."""

import pytest

pytestmark = pytest.mark.browser


def test_a_page_without_pictures_loads_plotly_once_for_those_that_follow(open_page):
    asked = []
    page = open_page("/your-data")
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_function("() => Boolean(window.Plotly)")
    address = page.evaluate("[...document.scripts].map((each) => each.src).filter((src) => src.includes('plotly'))")
    assert len(address) == 1
    page.get_by_role("link", name="Geometry", exact=True).first.click()
    page.wait_for_selector(".scene3d-plot[data-drawn] canvas")
    assert not [url for url in asked if "app/static" in url and url not in address]
    assert page.evaluate("[...document.scripts].filter((each) => each.src.includes('plotly')).length") == 1


def test_a_picture_is_drawn_where_the_first_attempt_to_load_plotly_failed(windows, address):
    context = windows(1440, 900, "light")
    failed = []

    def once(route):
        if failed:
            route.continue_()
        else:
            failed.append(route.request.url)
            route.abort()

    context.route("**/app/static/plotly*", once)
    try:
        page = context.new_page()
        page.goto(f"{address}/your-data")
        page.wait_for_function("() => document.querySelector('script[src*=plotly]') && window.gramPlotly === undefined")
        page.get_by_role("link", name="Geometry", exact=True).first.click()
        page.wait_for_selector(".scene3d-plot[data-drawn] canvas")
        assert len(failed) == 1
        page.close()
    finally:
        context.unroute("**/app/static/plotly*")


def test_labels_are_text_of_the_page_that_lets_the_picture_be_turned(open_page):
    page = open_page("/geometry")
    page.wait_for_selector(".scene3d-plot[data-drawn] canvas")
    labels = page.locator(".scene3d-plot .annotation-text").all_text_contents()
    assert {"text", "image", "speech"} <= set(labels)
    assert any(label.startswith("height ") for label in labels)
    camera = "JSON.stringify(document.querySelector('.scene3d-plot')._fullLayout.scene._scene.getCamera().eye)"
    before = page.evaluate(camera)
    box = page.locator(".scene3d-plot .annotation-text", has_text="image").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 10, steps=6)
    page.mouse.up()
    page.wait_for_function(f"before => {camera} !== before", arg=before)


def test_a_narrow_picture_leaves_the_sizes_to_the_numbers(open_page):
    page = open_page("/geometry", width=390, height=844)
    page.wait_for_selector(".scene3d-plot[data-drawn] canvas", state="attached")
    labels = page.locator(".scene3d-plot .annotation-text").all_text_contents()
    assert {"text", "image", "speech"} <= set(labels)
    assert not any(label.startswith(("height ", "base ")) for label in labels)
