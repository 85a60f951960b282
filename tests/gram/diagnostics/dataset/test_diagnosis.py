import json

import numpy as np
import pytest

import gram
from gram.diagnostics import FAULTS, diagnose
from tests.helpers.made import aligned, as_set, unit


def causes(diagnosis):
    return [finding.cause for finding in diagnosis.findings]


def hubs(n=200):
    arrays = aligned(n=n)
    for row in (7, 8, 9):
        arrays["speech"][row] = unit(arrays["image"][row] + 0.01 * arrays["speech"][row])
    return arrays


def flip():
    arrays = aligned(k=4)
    return arrays | {"tones": -arrays["tones"], "speech": -arrays["speech"]}


def noise():
    arrays = aligned(n=200, k=4)
    return arrays | {"speech": np.random.default_rng(3).permutation(arrays["speech"])}


def collapse():
    arrays = aligned()
    return arrays | {"image": unit(np.ones(32) / 32**0.5 + 0.1 * arrays["image"])}


def swap():
    arrays = aligned()
    arrays["image"][[3, 10, 50, 90]] = arrays["image"][[10, 3, 90, 50]]
    return arrays


def duplicate():
    arrays = aligned()
    for name in ("image", "speech"):
        arrays[name][[5, 6]] = arrays[name][[15, 16]]
    return arrays


def missing():
    arrays = aligned(n=50)
    arrays["image"][[4, 5]] = np.nan
    return arrays


def degenerate():
    arrays = aligned(n=50, k=4)
    arrays["tones"][4] = arrays["image"][4]
    return arrays


def unresolved():
    arrays = aligned(n=50, noise=1.0)
    arrays["speech"][7] = unit(arrays["text"][7] + arrays["image"][7])
    return arrays


@pytest.mark.parametrize(
    ("make", "cause", "modalities", "items"),
    [
        (hubs, "hubs", ("image", "speech"), {"item 7", "item 8", "item 9"}),
        (flip, "sign-flip", ("speech", "tones"), set()),
        (noise, "noise", ("speech",), set()),
        (collapse, "collapse", ("image",), set()),
        (swap, "swapped", ("image",), {"item 3", "item 10", "item 50", "item 90"}),
        (duplicate, "duplicates", ("image", "speech"), {"item 5", "item 6", "item 15", "item 16"}),
        (missing, "missing", ("image",), {"item 4", "item 5"}),
        (degenerate, "degenerate", ("image", "tones"), {"item 4"}),
        (unresolved, "unresolved", ("text", "image", "speech"), {"item 7"}),
    ],
)
def test_a_fault_is_named_with_who_has_it(make, cause, modalities, items):
    finding = diagnose(as_set(make())).of(cause)
    assert finding is not None
    assert finding.modalities == modalities
    assert set(finding.items) == items
    assert 0 < finding.severity <= 1
    assert finding.text.endswith(".")
    assert finding.remedy


def test_a_set_in_order_has_no_findings_and_every_cause_is_looked_at():
    diagnosis = diagnose(as_set(aligned()))
    assert diagnosis.findings == ()
    assert {check.cause for check in diagnosis.checked} == set(FAULTS)
    assert not any(check.found for check in diagnosis.checked)
    assert diagnosis.recall == 1
    assert "Nothing is wrong that this looks for." in str(diagnosis)


def test_the_sentence_on_hubs_is_built_from_its_numbers():
    arrays = hubs()
    finding = diagnose(as_set(arrays)).of("hubs")
    numbers = finding.numbers
    base = np.array([gram.volume(np.stack([a, b])) for a, b in zip(arrays["image"], arrays["speech"])])
    assert numbers["base_median"] == pytest.approx(np.median(base), rel=1e-3)
    assert f"{numbers['hubs']} of 200 candidates come first for {100 * numbers['taken']:.1f} %" in finding.text
    assert f"{numbers['base_median']:.3g}" in finding.text
    made = as_set(arrays)
    assert numbers["recall"] == pytest.approx(gram.evaluate(made).recall[1])
    assert numbers["recall_by_height"] == pytest.approx(gram.evaluate(made, measure="height").recall[1])
    assert f"R@1 is {100 * numbers['recall_by_height']:.1f} %" in finding.remedy


def test_a_modality_that_does_harm_and_one_that_carries_all():
    rng = np.random.default_rng(9)
    arrays = aligned(n=300, k=4, d=16, noise=0.3)
    weak = arrays | {name: unit(arrays[name] + 3 * unit(rng.normal(size=(300, 16)))) for name in ("speech", "tones")}
    carried = diagnose(as_set(weak), measure="cosine-max").of("imbalance")
    assert carried.title == "Image carries retrieval alone"
    assert carried.modalities == ("speech", "tones")
    one = {name: weak[name] for name in ("text", "image", "speech")}
    harmful = diagnose(as_set(one), measure="cosine").of("imbalance")
    assert harmful.title == "Better without speech"
    assert harmful.numbers["share"]["speech"] < -0.05


def test_a_gap_that_costs_is_named_and_one_that_does_not_is_not():
    arrays, axes = aligned(n=300, d=32), np.eye(32)
    apart = {name: unit(rows + 0.5 * axes[place]) for place, (name, rows) in enumerate(arrays.items())}
    assert diagnose(as_set(apart)).findings == ()
    opposite = aligned(n=300, k=2, d=32, noise=1.0)
    opposite = {"text": unit(opposite["text"] + axes[0]), "image": unit(opposite["image"] - axes[0])}
    finding = diagnose(as_set(opposite)).of("modality-gap")
    assert finding.numbers["recall_centred"] - finding.numbers["recall"] == pytest.approx(finding.severity, abs=1e-9)


def test_what_centring_brings_a_collapsed_modality_is_not_called_a_gap():
    arrays = aligned(n=200, k=2)
    arrays["text"] = unit(np.eye(32)[0] + 0.05 * arrays["text"])
    diagnosis = diagnose(as_set(arrays))
    gap = gram.diagnostics.find_modality_gap(as_set(arrays))
    assert gap.change > 0.5
    assert causes(diagnosis)[0] == "collapse"
    assert diagnosis.of("modality-gap") is None


def test_the_worst_comes_first():
    arrays = hubs()
    arrays["text"][100] = arrays["text"][101]
    severities = [finding.severity for finding in diagnose(as_set(arrays)).findings]
    assert len(severities) >= 2
    assert severities == sorted(severities, reverse=True)


def test_as_json_and_as_text():
    diagnosis = diagnose(as_set(duplicate()))
    content = json.loads(json.dumps(diagnosis.to_dict()))
    assert content["findings"][0]["cause"] == "duplicates"
    assert content["findings"][0]["items"] == list(diagnosis.findings[0].items)
    assert (content["items"], content["sampled"], content["set"]) == (120, 120, "made")
    text = str(diagnosis)
    assert text.startswith("text -> image + speech by volume, 120 items, R@1 ")
    assert diagnosis.findings[0].text in text
    assert text.index("duplicates") < text.index("In order:")


def test_more_items_than_the_sample_are_drawn_from_and_rows_are_looked_for_in_all():
    arrays = swap()
    diagnosis = diagnose(as_set(arrays), sample=60)
    assert diagnosis.sampled == (60, 120)
    assert "a sample of 60 of 120 items" in str(diagnosis)
    assert set(diagnosis.of("swapped").items) == {"item 3", "item 10", "item 50", "item 90"}
    noisy = as_set(aligned(n=200, d=8, noise=1.5))
    assert diagnose(noisy, sample=50).recall == diagnose(noisy, sample=50).recall
    assert diagnose(noisy, sample=50, seed=1).recall != diagnose(noisy, sample=50, seed=2).recall


def test_the_task_decides_what_is_looked_at():
    diagnosis = diagnose(as_set(noise()), "image", ["tones"], "cosine")
    assert (diagnosis.query, diagnosis.candidates, diagnosis.measure) == ("image", ("tones",), "cosine")
    assert diagnosis.findings == ()


def test_a_measure_for_three_modalities_and_a_single_candidate():
    assert diagnose(as_set(aligned()), measure="triangle").findings == ()
    assert causes(diagnose(as_set(aligned(k=2)))) == []


def test_progress_is_told_and_can_stop_the_work():
    told = []
    diagnose(as_set(aligned(n=30)), progress=lambda share, stage: told.append(share))
    assert told[0] == 0
    assert told[-1] == 1
    assert told == sorted(told)

    def stop(share, stage):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        diagnose(as_set(aligned(n=30)), progress=stop)


def test_errors():
    made = as_set(aligned(n=10))
    with pytest.raises(ValueError, match="sample: expected at least 2 items, got 1"):
        diagnose(made, sample=1)
    with pytest.raises(ValueError, match="device: 'tpu' is not available here"):
        diagnose(made, device="tpu")
    with pytest.raises(ValueError, match="triangle needs 2 candidate modalities"):
        diagnose(made, candidates=["image"], measure="triangle")
    with pytest.raises(ValueError, match="cause: expected one of hubs, imbalance, noise, sign-flip"):
        diagnose(made).of("weather")
    arrays = aligned(n=4)
    arrays["text"][:2] = np.nan
    arrays["image"][2:] = arrays["speech"][2:] = np.nan
    with pytest.raises(gram.EmbeddingSetError, match="no item has text together with image or speech"):
        diagnose(as_set(arrays))


def test_it_is_reached_from_the_package():
    assert gram.diagnostics.diagnose is diagnose
