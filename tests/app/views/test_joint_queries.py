"""Asking with several parts at once, a hit beside the true item, and the time an answer took."""

import re

import numpy as np
import pytest

from app.data import sets
from app.views.retrieval import time_bar
from gram.datasets import spoken_numbers as numbers
from gram.datasets.spoken_numbers.strokes import picture_of_strokes
from tests.app.conftest import MODALITIES
from tests.app.views.test_retrieval import headlines, opened
from tests.helpers import pen

TWO = {"left": "gram model by volume", "right": "cosine model by cosine"}


def ids():
    return list(sets.load_set("gram").items["id"])


def stored(model, item, name):
    return sets.load_set(model).modalities[name][ids().index(item)].double().numpy()


def words(model, item):
    return sets.load_model(model).encode("text", [numbers.words(item)])[0].double().numpy()


def volumes(asked, names, rows=slice(None)):
    """The volume of the query's vectors with each item's: the product of the singular values of their stack."""
    own = [sets.load_set("gram").modalities[name][rows].double().numpy() for name in names]
    stacks = np.stack([np.stack([*asked, *vectors]) for vectors in zip(*own)])
    return np.linalg.svd(stacks, compute_uv=False).prod(axis=1)


def place(scores, item):
    return 1 + int((scores > scores[ids().index(item)] + 1e-9).sum())


def left_over(*asked):
    return [name for name in MODALITIES if name not in asked]


def several(*parts, **query):
    return opened(parts=",".join(parts), **TWO, **query)


def button(at, label):
    return next(each for each in at.button if each.label == label)


def lines(elements):
    return [each.value for each in elements]


# asking


def test_two_parts_of_an_item_are_ranked_as_one_gram_matrix():
    """For an item whose place is another with one of the two parts than with both, whatever it is judged by."""
    names = left_over("image", "tones")

    def places(item):
        image, tones = (stored("gram", item, name) for name in ("image", "tones"))
        asked = (
            ([image, tones], names),
            ([image], names),
            ([tones], names),
            ([image], left_over("image")),
            ([tones], left_over("tones")),
        )
        return [place(-volumes(vectors, others), item) for vectors, others in asked]

    item, both = next((item, both) for item in ids() for both, *others in [places(item)] if both not in others)
    page = several("tones", "image", q=item)
    assert headlines(page)[0] == (item, both, len(ids()))
    told = lines(page.caption)
    assert any(f"Asked with the image of {item}" in line for line in told)
    assert any(f"Asked with the tones of {item}" in line for line in told)


def test_by_mean_cosine_the_anchor_decides_and_the_page_says_so():
    def places(item):
        others = [sets.load_set("cosine").modalities[name].double().numpy() for name in left_over("text", "image")]
        cosines = [np.mean([rows @ asked for rows in others], axis=0) for asked in vectors(item)]
        return [place(scores, item) for scores in cosines]

    def vectors(item):
        return words("cosine", item), stored("cosine", item, "image")

    item = next(item for item in ids() if len(set(places(item))) == 2)
    page = several("image", "number", q=item)
    assert headlines(page)[1][1] == places(item)[0]
    assert (
        sum("By mean cosine only the text decides the order: what the image" in line for line in lines(page.caption))
        == 1
    )
    button_off = button(page, "A case where they differ")
    assert button_off.disabled
    alone = several("number", q=item)
    assert not any("only the text decides" in line for line in lines(alone.caption))


def test_the_switch_keeps_what_was_chosen():
    page = opened(by="tones")
    item = page.text_input(key="q").placeholder
    page.toggle(key="several").set_value(True).run()
    assert page.segmented_control(key="parts").value == ["tones"]
    page.segmented_control(key="parts").set_value(["tones", "image"]).run()
    assert not page.exception
    asked = [stored("gram", item, name) for name in ("image", "tones")]
    assert headlines(page)[0][1] == place(-volumes(asked, left_over("image", "tones")), item)
    assert page.query_params["parts"] == "image,tones"
    page.toggle(key="several").set_value(False).run()
    assert "parts" not in page.query_params
    assert page.segmented_control(key="by").value == "image"


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        (["image", "draw"], "“image” and “draw” both ask with the picture: take one of them away."),
        (
            ["speech", "number", "microphone"],
            "“speech” and “microphone” both ask with the speech: take one of them away.",
        ),
        (["number", "image", "speech", "tones"], "nothing is left to judge items by"),
        ([], "choose one part or more"),
    ],
)
def test_what_cannot_be_asked_together_is_one_line_and_keeps_the_answer(parts, line):
    page = opened()
    before = headlines(page)
    page.toggle(key="several").set_value(True).run()
    page.segmented_control(key="parts").set_value(parts).run()
    assert not page.exception
    assert len(page.warning) == 1
    assert line in page.warning[0].value
    assert headlines(page) == before
    assert any("still the answer to the words of" in told for told in lines(page.caption))


def test_a_part_that_is_missing_keeps_the_answer_and_the_keys_tell_the_number():
    page = opened()
    before = headlines(page)
    page.toggle(key="several").set_value(True).run()
    page.segmented_control(key="parts").set_value(["number", "keypad"]).run()
    assert headlines(page) == before
    assert any("Dial four digits" in line for line in lines(page.info))
    item = before[0][0]
    page.session_state["keypad:kept"] = presses(item)
    page.run()
    assert [label for label, _, _ in headlines(page)] == [item, item]
    assert not page.info
    other = next(each for each in ids() if each != item)
    page.session_state["keypad:kept"] = presses(other)
    page.run()
    assert lines(page.info) == [f"The parts name {item} and {other}: there is no one item to look for."]
    assert headlines(page) == []


def presses(item):
    return [{"key": key, "at": 0.3 * order, "held": 0.12} for order, key in enumerate(item)]


def test_what_a_person_gives_has_one_field_for_its_number():
    page = several("draw", "microphone")
    assert [field.label for field in page.text_input] == ["The number in them"]
    assert len(page.info) == 2
    page.segmented_control(key="parts").set_value(["draw", "keypad"]).run()
    assert not page.text_input
    page.segmented_control(key="parts").set_value(["draw", "number"]).run()
    assert [field.label for field in page.text_input] == ["Number"]


# a hit beside the true item


def tables(at):
    panel = next(each.body for each in at.get("html") if "All " in each.body and 'class="panel"' in each.body)
    found = []
    for table in re.findall(r'<table class="values">.*?</table>', panel):
        rows = re.findall(r"<tr><th title=[^>]*>(\w+)</th>(.*?)</tr>", table)
        found.append(
            {name: [float(value) for value in re.findall(r"<td>([\d.]+)</td>", cells)] for name, cells in rows}
        )
    return found


def sized(rows):
    """Volume, base and height of stacked vectors, the anchor first, from singular values and least squares."""
    base = np.linalg.svd(rows[1:], compute_uv=False).prod()
    height = np.linalg.norm(rows[0] - np.linalg.lstsq(rows[1:].T, rows[0], rcond=None)[0] @ rows[1:])
    return {"Volume": base * height, "Base": base, "Height": height}


def check(table, stacks):
    expected = [sized(np.stack(rows)) for rows in stacks]
    assert table == {
        name: [pytest.approx(each[name], rel=6e-3, abs=6e-4) for each in expected]
        for name in ("Volume", "Base", "Height")
    }


def press_compare(at, side, item):
    at.session_state["retrieval_hits:action"] = {"action": "compare", "side": side, "id": item}
    at.run()
    assert not at.exception


def test_a_hit_is_drawn_beside_the_true_item():
    item = "6751"
    page = opened(q=item, **TWO)
    asked = words("gram", item)
    order = np.argsort(volumes([asked], left_over("text")))
    hit = next(ids()[row] for row in order if ids()[row] != item)
    press_compare(page, "left", hit)
    assert page.query_params["compare"] == f"left-{hit}"
    whole, drawn = tables(page)
    own = {each: [stored("gram", each, name) for name in left_over("text")] for each in (item, hit)}
    check(whole, [[asked, *own[each]] for each in (item, hit)])
    check(drawn, [[asked, *own[each][:2]] for each in (item, hit)])
    assert any("Drawn exactly: text, image, speech; left out: tones" in line for line in lines(page.caption))
    button(page, "Close").click().run()
    assert "compare" not in page.query_params
    assert not any("Drawn exactly" in line for line in lines(page.caption))


def test_a_joint_query_is_drawn_with_both_parts_and_the_first_of_the_rest():
    item = "6751"
    asked = [stored("gram", item, name) for name in ("image", "tones")]
    names = left_over("image", "tones")
    hit = next(ids()[row] for row in np.argsort(volumes(asked, names)) if ids()[row] != item)
    page = several("image", "tones", q=item, compare=f"left-{hit}")
    whole, drawn = tables(page)
    check(whole, [[*asked, *(stored("gram", each, name) for name in names)] for each in (item, hit)])
    check(drawn, [[*asked, stored("gram", each, "text")] for each in (item, hit)])


def test_a_drawn_number_that_nobody_told_is_compared_alone():
    page = opened(by="draw", **TWO)
    boxes = pen.draw("4721", np.random.default_rng(1))
    page.session_state["pad:kept"] = boxes
    page.run()
    asked = sets.load_model("gram").encode("image", [picture_of_strokes(boxes)])[0].double().numpy()
    names = left_over("image")
    hit = ids()[int(np.argmin(volumes([asked], names)))]
    press_compare(page, "left", hit)
    whole, drawn = tables(page)
    check(whole, [[asked, *(stored("gram", hit, name) for name in names)]])
    check(drawn, [[asked, *(stored("gram", hit, name) for name in names[:2])]])
    page.session_state["pad:kept"] = pen.draw("9038", np.random.default_rng(2))
    page.run()
    assert "compare" not in page.query_params  # the hit is not listed any more


# the time bar


def test_the_time_bar_names_each_step_and_is_as_wide():
    page = opened()
    bar = next(each.body for each in page.get("html") if 'class="timing"' in each.body)
    assert re.search(r'role="img" aria-label="both rankings: .*encoding [\d,.]+ ms, search [\d,.]+ ms, drawing', bar)
    page.segmented_control(key="by").set_value("image").run()
    bar = next(each.body for each in page.get("html") if 'class="timing"' in each.body)
    assert "encoding" not in bar  # the gallery's own embedding was used


def test_the_time_bar_in_numbers():
    markup = time_bar.html({"loading": 0.0, "encoding": 1.25, "search": 0.0005}, title="all <of> it")
    assert 'aria-label="all &lt;of&gt; it: encoding 1,250 ms, search 0.5 ms; 1,250 ms together"' in markup
    shares = [float(share) for share in re.findall(r"flex:([\d.]+) 1", markup)]
    assert shares == [1250, 0.5]
    assert "loading" not in markup
