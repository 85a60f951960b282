import io
import re

import numpy as np
import pytest
import soundfile
from PIL import Image
from scipy.signal import resample_poly

from app.data import sets
from gram import measures
from gram.datasets import spoken_numbers as numbers
from gram.datasets.spoken_numbers.strokes import picture_of_strokes
from tests.app.conftest import open_app
from tests.helpers import pen


@pytest.fixture
def page():
    """The retrieval page, opened as a visitor opens it."""
    return opened()


def opened(**query):
    at = open_app("retrieval", **query).run()
    assert not at.exception
    return at


def headlines(at):
    """The two lines on the true item's rank: [(label, rank, size), ...]."""
    found = [re.fullmatch(r"#### (\S+) ranks ([\d,.]+) of ([\d,]+)", each.value) for each in at.markdown]
    return [(match[1], float(match[2].replace(",", "")), int(match[3].replace(",", ""))) for match in found if match]


def html_with(at, kind):
    """The markup of the first element that has a class."""
    return next(each.body for each in at.get("html") if f'class="{kind}"' in each.body)


def plain_rank(model, measure, item, query="text", candidates=("image", "speech", "tones")):
    """The rank of an item in a plain ranking of the whole gallery, in float64."""
    gallery = sets.load_set(model)
    row = list(gallery.items["id"]).index(item)
    others = [gallery.modalities[name].double() for name in candidates]
    scores = measures.score(measure, gallery.modalities[query][[row]].double(), *others)[0]
    return 1 + int((scores > scores[row] + 1e-9).sum())


def test_the_first_visit_asks_for_the_current_item(page):
    item = page.text_input(key="q").placeholder
    left, right = headlines(page)
    size = len(sets.load_set("gram"))
    assert left[0] == right[0] == item
    assert left[2] == right[2] == size
    assert any("Try" in each.value for each in page.markdown)
    assert re.search(r"search [\d,.]+ ms", html_with(page, "timing"))


@pytest.mark.parametrize("by", ["image", "speech", "tones"])
def test_an_items_own_modality_asks_the_others(page, by):
    item = page.text_input(key="q").placeholder
    page.segmented_control(key="by").set_value(by)
    page.run()
    assert not page.exception
    others = [name for name in ("text", "image", "speech", "tones") if name != by]
    expected = [
        plain_rank("gram", "volume", item, by, others),
        plain_rank("cosine", "cosine", item, by, others),
    ]
    assert [rank for _, rank, _ in headlines(page)] == expected
    assert any(f"Asked with the {by} of {item}" in each.value for each in page.caption)
    assert bool(page.get("plotly_chart")) == (by != "image")


def test_a_ranking_can_be_exchanged(page):
    others = ["text", "image", "tones"]

    def ranks(item):
        return [plain_rank(*judge, item, "speech", others) for judge in (("gram", "volume"), ("cosine", "height"))]

    item = next(item for item in sets.load_set("gram").items["id"] if len(set(ranks(item))) == 2)
    before, after = ranks(item)
    page.text_input(key="q").input(item)
    page.segmented_control(key="by").set_value("speech")
    page.run()
    assert headlines(page)[0][1] == before
    page.selectbox(key="left").select("cosine model by height")
    page.run()
    assert headlines(page)[0][1] == after


def test_words_and_digits_ask_the_same(page):
    item = sets.load_set("gram").items["id"].iloc[7]
    page.text_input(key="q").input(item).run()
    typed = headlines(page)
    page.text_input(key="q").input(numbers.words(item).replace(" ", "-")).run()
    assert headlines(page) == typed
    assert typed[0][0] == item
    assert any(f"“{numbers.words(item)}”" in each.value for each in page.caption)
    tokens = re.findall(r">(\w+)<small>(\d+)</small>", html_with(page, "tokens"))
    assert tokens == [(word, str(1 + int(digit))) for word, digit in zip(numbers.words(item).split(), item)]


def test_a_number_that_is_not_there_is_still_ranked(page):
    known = set(sets.load_set("gram").items["id"])
    missing = next(f"{number:04d}" for number in range(10_000) if f"{number:04d}" not in known)
    page.text_input(key="q").input(missing).run()
    assert any(f"{missing} is not among the" in each.value for each in page.info)
    assert headlines(page) == []
    assert sum("comes first" in each.value for each in page.markdown) == 2
    page.segmented_control(key="by").set_value("tones")
    page.run()
    assert any(f"{missing} is not among the items, so it has no tones" in each.value for each in page.warning)


@pytest.mark.parametrize(("typed", "line"), [("47", "has 2 digits"), ("forty two", "'forty' is not a digit")])
def test_what_is_no_number_gets_one_clear_line(page, typed, line):
    before = headlines(page)
    page.text_input(key="q").input(typed).run()
    assert not page.exception
    assert [each.value for each in page.warning if line in each.value]
    assert headlines(page) == before  # the answer before stays,
    assert any("still the answer to the words of" in each.value for each in page.caption)  # and the page says so


def test_a_link_restores_the_question():
    item = sets.load_set("gram").items["id"].iloc[11]
    page = opened(q=item, by="tones", left="gram model by height", right="gram model by volume")
    others = ["text", "image", "speech"]
    assert headlines(page) == [
        (item, plain_rank("gram", "height", item, "tones", others), len(sets.load_set("gram"))),
        (item, plain_rank("gram", "volume", item, "tones", others), len(sets.load_set("gram"))),
    ]


def strip_png(item):
    buffer = io.BytesIO()
    levels = np.clip(numbers.render_image(item) * 255 / 16, 0, 255).round().astype(np.uint8)
    Image.fromarray(np.kron(levels, np.ones((4, 4), dtype=np.uint8))).save(buffer, "PNG")
    return buffer.getvalue()


def wav(waveform, rate=8000):
    buffer = io.BytesIO()
    soundfile.write(buffer, waveform, rate, format="WAV", subtype="FLOAT")
    return buffer.getvalue()


def file_page():
    page = opened(by="file")
    assert any("Give a photo" in each.value for each in page.info)
    return page


def test_an_uploaded_picture_is_ranked_as_the_items_own():
    item = sets.load_set("gram").items.iloc[5]
    page = file_page()
    page.text_input(key="known").input(item["id"])
    page.file_uploader(key="retrieval_file").upload("drawing.bin.png", strip_png(item), "image/png")
    page.run()
    assert not page.exception
    assert any("What the model sees" in each.value for each in page.caption)
    others = ["text", "speech", "tones"]
    shown = headlines(page)
    size = len(sets.load_set("gram"))
    # the upload is rounded to 255 levels and embedded anew, the stored vector to float16
    assert abs(shown[0][1] - plain_rank("gram", "volume", item["id"], "image", others)) <= 0.02 * size
    assert shown[0][0] == item["id"]


def test_an_uploaded_recording_is_heard_as_speech_or_tones():
    item = sets.load_set("gram").items.iloc[5]
    page = file_page()
    page.file_uploader(key="retrieval_file").upload("clip.wav", wav(numbers.render_tones(item)), "audio/wav")
    page.segmented_control(key="sound").set_value("tones")
    page.run()
    assert not page.exception
    seconds = len(numbers.render_tones(item)) / 8000
    assert any(f"What the model hears: {seconds:.1f} s at 8 kHz" in each.value for each in page.caption)
    assert sum("comes first" in each.value for each in page.markdown) == 2


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"not a sound", "neither a recording nor a picture"),
        (wav(np.zeros(8000)), "silent"),
        (wav(np.full(8000, np.nan)), "NaN or infinity"),
        (wav(np.full(8000 * 31, 0.1)), "longer than 30 s"),
        (b"\x89PNG\r\n\x1a\n and no more", "not a picture that can be read"),  # a PNG that calls itself a WAV
    ],
)
def test_a_file_that_cannot_be_used_gets_one_clear_line(content, line):
    page = file_page()
    page.file_uploader(key="retrieval_file").upload("clip.wav", content, "audio/wav")
    page.run()
    assert not page.exception
    assert any(line in each.value for each in page.warning)


def test_a_case_where_they_differ_is_one(page):
    button = next(each for each in page.button if each.label == "A case where they differ")
    button.click().run()
    assert not page.exception
    (item, left, _), (_, right, _) = headlines(page)
    assert page.text_input(key="q").value == item
    first, last = sorted((left, right))
    assert first <= 1 < last


def test_more_hits_on_demand(page):
    assert any(each.label == "More hits" for each in page.button)
    next(each for each in page.button if each.label == "More hits").click().run()
    assert not page.exception
    assert any(each.label == "Fewer hits" for each in page.button)


def test_a_ranking_that_needs_two_candidates_is_offered_with_two_and_put_back_with_three():
    item = sets.load_set("gram").items["id"].iloc[3]
    page = opened(q=item, candidates="image,speech", left="gram model by triangle", right="cosine model by singular")
    assert [rank for _, rank, _ in headlines(page)] == [
        plain_rank("gram", "triangle", item, candidates=("image", "speech")),
        plain_rank("cosine", "singular", item, candidates=("image", "speech")),
    ]
    page.pills(key="sidebar_candidates").set_value(["image", "speech", "tones"]).run()
    assert not page.exception
    assert not page.warning
    assert page.selectbox(key="left").value == "gram model by volume"
    assert page.selectbox(key="right").value == "cosine model by singular"
    assert headlines(page)[0][1] == plain_rank("gram", "volume", item)


# drawing, dialling, speaking: AppTest cannot move a pen, so what the components keep is put in their place


def shown_pixels(at):
    """The four pictures that the page says the model sees, rounded, as one strip."""
    boxes = html_with(at, "digits").split('class="pixels"')[1:]
    values = [[int(value) for value in re.findall(r">(\d+)</i>", box)] for box in boxes]
    return np.concatenate([np.reshape(each, (8, 8)) for each in values], axis=1)


def test_a_drawn_number_is_shown_and_ranked():
    page = open_app("retrieval", by="draw")
    item = sets.load_set("gram").items["id"].iloc[12]
    boxes = pen.draw(item, np.random.default_rng(1))
    page.session_state["pad:kept"] = boxes
    page.run()
    page.text_input(key="known").input(item).run()
    assert not page.exception
    strip = shown_pixels(page)
    assert np.array_equal(strip, picture_of_strokes(boxes))
    vector = sets.load_model("gram").encode("image", [strip])
    gallery = sets.load_set("gram")
    others = [gallery.modalities[name].double() for name in ("text", "speech", "tones")]
    scores = measures.score("volume", vector.double(), *others)[0]
    rank = 1 + int((scores > scores[12]).sum())
    assert headlines(page)[0] == (item, rank, len(gallery))


def test_a_pad_with_an_empty_box_keeps_the_answer(page):
    before = headlines(page)
    boxes = pen.draw("4721", np.random.default_rng(1))
    page.session_state["pad:kept"] = [*boxes[:2], [], boxes[3]]
    page.segmented_control(key="by").set_value("draw")
    page.run()
    assert [each.value for each in page.warning] == ["box 3 is empty: draw a digit in it"]
    assert headlines(page) == before
    page.session_state["pad:kept"] = None
    page.run()
    assert [each.value for each in page.info] == ["The answer follows your pen once each box holds a digit."]
    assert headlines(page) == before


def test_a_dialled_number_is_known_from_its_keys():
    page = open_app("retrieval", by="keypad")
    item = sets.load_set("gram").items["id"].iloc[20]
    page.session_state["keypad:kept"] = [
        {"key": key, "at": 0.3 * place, "held": 0.12} for place, key in enumerate(item)
    ]
    page.run()
    assert not page.exception
    assert [label for label, _, _ in headlines(page)] == [item, item]
    assert any("What the model hears: 1.0 s" in each.value for each in page.caption)
    assert min(rank for _, rank, _ in headlines(page)) <= 10


def test_what_was_said_is_heard_at_8_kHz(page):
    items, others = sets.load_set("gram").items, ["text", "image", "tones"]
    item = next(item for _, item in items.iterrows() if plain_rank("gram", "volume", item["id"], "speech", others) == 1)
    page.segmented_control(key="by").set_value("microphone")
    page.run()
    before = headlines(page)
    page.text_input(key="known").input(item["id"])
    page.audio_input(key="mic").set_value(("said.wav", wav(np.zeros(32000), 16000), "audio/wav"))
    page.run()
    assert any("silent" in each.value for each in page.warning)
    assert headlines(page) == before
    spoken = resample_poly(numbers.render_speech(item), 2, 1)  # at 16 kHz
    page.audio_input(key="mic").set_value(("said.wav", wav(spoken, 16000), "audio/wav"))
    page.run()
    assert not page.exception
    assert any(f"hears: {len(spoken) / 16000:.1f} s at 8 kHz" in each.value for each in page.caption)
    assert headlines(page)[0][0] == item["id"]
    assert headlines(page)[0][1] <= 3


def test_what_is_no_known_number_is_said(page):
    page.segmented_control(key="by").set_value("draw")
    page.session_state["pad:kept"] = pen.draw("4721", np.random.default_rng(1))
    page.run()
    page.text_input(key="known").input("forty").run()
    assert any("'forty' is not a digit" in each.value for each in page.warning)
    assert sum("comes first" in each.value for each in page.markdown) == 2
