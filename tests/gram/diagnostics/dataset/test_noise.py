import numpy as np

from gram.diagnostics import diagnose
from tests.helpers.made import aligned, as_set


def shuffled(*names, k=4):
    rng, arrays = np.random.default_rng(3), aligned(n=200, k=k)
    return as_set(arrays | {name: rng.permutation(arrays[name]) for name in names})


def test_shuffled_modalities_are_noise_with_their_numbers():
    finding = diagnose(shuffled("speech", "tones")).of("noise")
    assert finding.modalities == ("speech", "tones")
    assert finding.title == "Speech and tones have nothing to do with the rest"
    assert set(finding.numbers["alone"]) == {"speech", "tones"}
    assert abs(finding.numbers["matched"] - finding.numbers["mismatched"]) < 0.05
    assert 0.3 <= finding.severity <= 1
    assert finding.remedy.startswith("Leave speech and tones out")


def test_a_shuffled_query_is_the_worst_there_can_be():
    finding = diagnose(shuffled("text")).of("noise")
    assert finding.modalities == ("text",)
    assert finding.severity == 1
    assert finding.remedy.startswith("Ask with another modality")


def test_a_set_in_order_has_none():
    check = next(check for check in diagnose(as_set(aligned())).checked if check.cause == "noise")
    assert (check.found, check.text) == (False, "every modality agrees with another")
