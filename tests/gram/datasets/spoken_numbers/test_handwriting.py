"""Handwritten digits: real samples, each in one split."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from gram.datasets.spoken_numbers.handwriting import INK, samples, samples_of


def test_the_samples_are_those_of_load_digits():
    images, values = samples()
    np.testing.assert_array_equal(images, load_digits().images)
    np.testing.assert_array_equal(values, load_digits().target)
    assert images.max() == INK


@pytest.mark.parametrize(("split", "share"), [("train", 0.6), ("validation", 0.1), ("test", 0.3)])
def test_a_split_has_its_share_of_every_digit(split, share):
    _, values = samples()
    for digit, rows in samples_of(split).items():
        assert (values[rows] == digit).all()
        assert len(rows) == pytest.approx(share * (values == digit).sum(), abs=1)


def test_an_unknown_split_is_named():
    with pytest.raises(ValueError, match="split must be one of train, validation, test; got 'tset'"):
        samples_of("tset")
