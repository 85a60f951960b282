"""The tally of streamed pairs against counting them all."""

import numpy as np
import torch

from gram.retrieval.pair_histogram import PairHistogram, bins_of


def test_bins_are_closed_below_and_ends_take_what_lies_beyond():
    edges = np.linspace(0, 1, 5)
    values = torch.tensor([-3.0, 0.0, 0.2499, 0.25, 0.9, 1.0, 7.0])
    assert bins_of(values, edges).tolist() == [0, 0, 0, 1, 3, 3, 3]


def test_the_tally_is_that_of_all_pairs():
    scores = torch.from_numpy(np.round(np.random.default_rng(0).normal(size=(9, 9)), 1))
    matched, everything = scores.diagonal().clone(), torch.arange(9)
    tally = PairHistogram(matched, everything, 1e-11, 1.0, np.linspace(-3, 3, 7))
    for rows in everything.split(4):
        for columns in everything.split(5):
            tally.add(rows, columns, scores[rows][:, columns])
    mismatched = scores[~torch.eye(9, dtype=torch.bool)].numpy()
    wins = (matched.numpy()[:, None] > mismatched + 1e-11).sum() + (
        np.abs(matched.numpy()[:, None] - mismatched) < 1e-11
    ).sum() / 2
    assert tally.auc() == wins / (9 * 72)
    assert tally.counts.sum() == 72
    assert tally.counts.tolist() == np.histogram(np.clip(mismatched, -2.99, 2.99), np.linspace(-3, 3, 7))[0].tolist()
    low, high = tally.interval()
    assert low < tally.auc() < high
