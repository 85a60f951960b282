"""Asking with what a person draws, dials, says or uploads, in a browser."""

import io
import re

import numpy as np
import pytest
import soundfile
from playwright.sync_api import sync_playwright
from scipy.signal import resample_poly

from gram import measures
from gram.data.embedding_set import EmbeddingSet
from gram.datasets import spoken_numbers as numbers
from gram.datasets.spoken_numbers import tones
from gram.models import load_model
from tests.helpers import pen

from .conftest import CHROMIUM, MILLISECONDS, ROOT, settle

pytestmark = pytest.mark.browser

COUNT_TONES = (
    "window.hertz = []; const start = OscillatorNode.prototype.start;"
    "OscillatorNode.prototype.start = function (at) { hertz.push(this.frequency.value); return start.call(this, at); };"
)


@pytest.fixture(scope="module")
def items():
    return EmbeddingSet.load(ROOT / "assets/numbers/gram/test").items.set_index("id", drop=False)


def rank_shown(page, item):
    """Wait for the place of an item in both rankings; return them."""
    page.wait_for_function(
        "item => [...document.querySelectorAll('h4')].filter(h => h.innerText.startsWith(`${item} ranks`)).length == 2",
        arg=item,
    )
    settle(page)
    lines = page.locator("h4").all_inner_texts()
    return [float(re.fullmatch(rf"{item} ranks ([\d,.]+) of 2,000", line)[1].replace(",", "")) for line in lines[:2]]


def name_it(page, item):
    page.get_by_label("The number in it", exact=True).fill(item)
    page.get_by_label("The number in it", exact=True).press("Enter")
    settle(page)


def draw(page, box, strokes):
    frame = page.locator(".pad-box svg").nth(box)
    frame.scroll_into_view_if_needed()
    area = frame.bounding_box()
    for stroke in strokes:
        places = [(area["x"] + x * area["height"], area["y"] + y * area["height"]) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place)
        page.mouse.up()


@pytest.mark.parametrize(("width", "height", "scheme"), [(1440, 900, "light"), (390, 844, "dark")])
def test_a_number_drawn_with_the_mouse_finds_its_item(open_page, width, height, scheme):
    page = open_page("/retrieval?by=draw", width=width, height=height, scheme=scheme)
    name_it(page, "4721")
    boxes = pen.draw("4721", np.random.default_rng(3))
    for box, strokes in enumerate(boxes[:3]):
        draw(page, box, strokes)
    page.get_by_text("Box 4 is empty: draw a digit in it.").wait_for()
    assert page.get_by_text("What the model sees").count() == 0  # three digits are no question
    draw(page, 3, boxes[3])
    assert max(rank_shown(page, "4721")) <= 3
    assert page.locator(".pixels").count() == 4
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".pad path").count() == sum(map(len, boxes))


def test_strokes_are_taken_back_and_survive(open_page):
    page = open_page("/retrieval?by=draw")
    boxes = pen.draw("4721", np.random.default_rng(3))
    for box, strokes in enumerate(boxes):
        draw(page, box, strokes)
    drawn = page.locator(".pad path")
    total = sum(map(len, boxes))
    page.locator("h4", has_text="comes first").nth(1).wait_for()
    draw(page, 3, [[[0.1, 0.2], [0.3, 0.4]]])
    assert drawn.count() == total + 1
    page.keyboard.press("Control+z")
    assert drawn.count() == total
    page.get_by_role("button", name="Undo").click()
    assert drawn.count() == total - 1
    page.get_by_role("button", name="Clear box 1").click()
    left = total - 1 - len(boxes[0])
    assert drawn.count() == left
    draw(page, 0, boxes[0])
    draw(page, 3, boxes[3][-1:])
    page.wait_for_timeout(600)  # past the pause after which strokes are sent
    settle(page)
    shown = drawn.evaluate_all("paths => paths.map(path => path.getAttribute('d')).sort()")
    page.get_by_role("radio", name="number").click()
    page.locator(".pad").wait_for(state="detached")
    page.get_by_role("radio", name="draw").click()
    page.locator(".pad path").first.wait_for()
    assert drawn.evaluate_all("paths => paths.map(path => path.getAttribute('d')).sort()") == shown
    page.get_by_role("button", name="Clear all").click()
    assert drawn.count() == 0
    page.get_by_text("Below is still the answer to the picture").wait_for()


ROWS, COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477)  # hertz, as ITU-T Q.23 gives them
KEYS = dict(zip("123456789*0#", ((low, high) for low in ROWS for high in COLUMNS)))


@pytest.fixture(scope="module")
def known_by_its_keys(items):
    """An item that both rankings of the page put first however fast or slowly its keys are pressed."""
    asked = [(twin, measure, load_model(ROOT / f"assets/numbers/{twin}/model", device="cpu"),
              EmbeddingSet.load(ROOT / f"assets/numbers/{twin}/test").normalized())
             for twin, measure in (("gram", "volume"), ("cosine", "cosine"))]  # fmt: skip
    paces = [(held, pause) for held in (0.06, 0.11, 0.16) for pause in (0.04, 0.1, 0.16)]

    def is_first(row, item):
        waves = [
            tones.dialled([(key, place * (held + pause), held) for place, key in enumerate(item)])
            for held, pause in paces
        ]
        for _, measure, model, gallery in asked:
            others = [gallery.modalities[name].double() for name in ("text", "image", "speech")]
            scores = measures.score(measure, model.encode("tones", waves).double(), *others)
            if (scores > scores[:, row : row + 1]).any():
                return False
        return True

    return next(item for row, item in enumerate(items["id"]) if len(set(item)) == 4 and is_first(row, item))


def test_a_dialled_number_sounds_and_finds_its_item(open_page, known_by_its_keys):
    first, second, third, fourth = known_by_its_keys
    wrong = next(key for key in "0123456789" if key not in known_by_its_keys)
    page = open_page("/retrieval?by=keypad", before=COUNT_TONES)
    for key in (first, second):
        page.locator(f".phone-keys [data-key='{key}']").click(delay=80)
    page.keyboard.press(wrong)
    page.keyboard.press("Backspace")
    assert page.locator(".phone output").inner_text() == f"{first}{second}··"
    page.keyboard.press(third, delay=80)
    page.keyboard.press(fourth, delay=80)
    assert max(rank_shown(page, known_by_its_keys)) <= 3
    pressed = (first, second, wrong, third, fourth)
    assert page.evaluate("hertz") == [hertz for key in pressed for hertz in KEYS[key]]
    assert page.locator(".phone output").inner_text() == known_by_its_keys


def rank_of_picture(gallery, row):
    """The place of an item by volume when its picture alone is asked with, from singular values."""
    vectors = {name: rows.double().numpy() for name, rows in gallery.normalized().modalities.items()}
    image = np.broadcast_to(vectors["image"][row], vectors["image"].shape)
    stacks = np.stack([image, vectors["text"], vectors["speech"], vectors["tones"]], axis=1)
    volumes = np.linalg.svd(stacks, compute_uv=False).prod(axis=1)
    return 1 + int((volumes < volumes[row] - 1e-9).sum())


def test_keys_find_an_item_that_its_picture_alone_does_not(open_page):
    """Asked together from the switch on; then a hit is drawn beside the item, and put away."""
    gallery = EmbeddingSet.load(ROOT / "assets/numbers/gram/test")
    covered = np.flatnonzero(gallery.items["image_occluded"] >= 0)
    row, alone = next((row, rank) for row in covered if (rank := rank_of_picture(gallery, row)) > 10)
    item = gallery.items["id"].iloc[row]
    page = open_page(f"/retrieval?by=image&q={item}", width=390, height=844)
    assert rank_shown(page, item)[0] == alone
    page.get_by_text("Several at once").click()
    page.get_by_role("button", name="keypad").click()
    page.get_by_text("Dial four digits to hear them").wait_for()
    assert rank_shown(page, item)[0] == alone  # until the number is dialled
    for key in item:
        page.locator(f".phone-keys [data-key='{key}']").click(delay=80)
    page.get_by_text("What the model hears").wait_for()
    settle(page)
    assert rank_shown(page, item)[0] <= 3
    assert re.search(r"[?&]parts=image(,|%2C)keypad(&|$)", page.url)
    assert page.get_by_role("img", name=re.compile(r"encoding [\d,.]+ ms, search [\d,.]+ ms, drawing")).count() == 1
    hit = page.locator(".card.hit:not(.true)").first
    other = hit.get_attribute("data-id")
    hit.get_by_role("button", name=f"Compare {other} with the true item").click()
    page.get_by_role("heading", name=f"{other} beside {item}, the true item").wait_for()
    page.wait_for_selector(".js-plotly-plot canvas")
    page.wait_for_function(
        "() => { const { top, bottom } = document.querySelector('.scene3d').getBoundingClientRect();"
        "return top > 0 && bottom < innerHeight; }"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Close").click()
    page.locator(".scene3d").wait_for(state="detached")


def test_keys_are_large_enough_for_a_thumb(open_page):
    page = open_page("/retrieval?by=keypad", width=390, height=844)
    page.locator(".phone-keys button").first.wait_for()
    sizes = page.locator(".phone-keys button").evaluate_all(
        "keys => keys.map(key => key.getBoundingClientRect()).map(({ width, height }) => Math.min(width, height))"
    )
    assert len(sizes) == 12
    assert min(sizes) >= 44
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_an_uploaded_recording_shows_its_items_place(open_page, items):
    page = open_page("/retrieval?by=file&sound=tones")
    item = clearest(items, "tones")
    name_it(page, item)
    buffer = io.BytesIO()
    soundfile.write(buffer, numbers.render_tones(items.loc[item]), 8000, format="WAV")
    upload = page.locator("input[type=file]")
    upload.set_input_files({"name": "dialled.wav", "mimeType": "audio/wav", "buffer": buffer.getvalue()})
    ranks = rank_shown(page, item)
    assert min(ranks) <= 3
    upload.set_input_files({"name": "fake.wav", "mimeType": "audio/wav", "buffer": b"\x89PNG\r\n\x1a\n and no more"})
    page.get_by_text("not a picture that can be read").wait_for()
    assert rank_shown(page, item) == ranks


def clearest(items, name):
    """The item that lost no digit in a modality and stands furthest over its noise."""
    return items[items[f"{name}_dropped"] < 0].sort_values(f"{name}_snr")["id"].iloc[-1]


def test_a_microphone_hears_an_item(address, items, tmp_path):
    """Chromium plays a file to the page in place of a microphone, at 48 kHz, over and over."""
    item = clearest(items, "speech")
    spoken = resample_poly(numbers.render_speech(items.loc[item]), 6, 1)
    clip = tmp_path / "clip.wav"
    soundfile.write(clip, np.clip(np.concatenate([spoken, np.zeros(48000 * 20)]), -1, 1), 48000, subtype="PCM_16")
    microphone = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={clip}",
    ]
    # Pages of the other browser share this process's driver, so this one is driven from a thread of its own.
    ranks = in_a_thread(lambda: ask_by_microphone(address, item, microphone, 1000 * len(spoken) / 48000))
    assert min(ranks) <= 5


def ask_by_microphone(address, item, microphone, milliseconds):
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *microphone])
        page = chromium.new_context(permissions=["microphone"]).new_page()
        page.set_default_timeout(MILLISECONDS)
        page.goto(f"{address}/retrieval?by=microphone")
        settle(page)
        name_it(page, item)
        page.get_by_role("button", name="Record", exact=True).click()
        page.wait_for_timeout(milliseconds)
        page.get_by_role("button", name="Stop recording").click()
        ranks = rank_shown(page, item)
        assert re.search(r"hears: \d\.\d s at 8 kHz", page.locator("body").inner_text())
        chromium.close()
    return ranks


def in_a_thread(work):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()
