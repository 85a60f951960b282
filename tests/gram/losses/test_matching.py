"""The matching head: the pairs it is asked about, its logits, and that it learns to tell them apart."""

import copy
import doctest

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

import gram.losses.matching
from gram.losses import AnchorMatching
from tests.helpers.oracle import draw, qr_volume


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def head(modalities: int = 3, d: int = 8, **settings) -> AnchorMatching:
    torch.manual_seed(0)
    return AnchorMatching(d, modalities, **settings).double()


def logit(matching: AnchorMatching, anchor: np.ndarray, *candidate: np.ndarray) -> float:
    """The oracle: the network of one pair, written out, with the error function for its GELU."""
    first, last = (matching.layers[place] for place in (0, 2))
    root = len(anchor) ** 0.5
    t, *rest = (
        np.zeros_like(one) if np.isnan(one).all() else root * one / np.linalg.norm(one) for one in (anchor, *candidate)
    )
    seen = np.concatenate([t, *rest, *(t * one for one in rest)])
    inner = first.weight.detach().numpy() @ seen + first.bias.detach().numpy()
    active = inner * (1 + torch.erf(torch.from_numpy(inner) / 2**0.5).numpy()) / 2
    return (last.weight.detach().numpy() @ active + last.bias.detach().numpy()).item()


def test_scores_are_those_of_each_pair_and_its_forms_agree() -> None:
    matching = head(4)
    anchor, (image, speech, tones) = draw(0, 5, 8), draw(1, 3, 7, 8)
    found = matching.score(anchor, image, speech, tones)
    expected = [[logit(matching, t, *row) for row in zip(*draw(1, 3, 7, 8).numpy())] for t in anchor.numpy()]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9)
    assert not found.requires_grad
    short = found.topk(3).indices
    again = matching.score_paired(anchor[:, None], *(rows[short] for rows in (image, speech, tones)))
    torch.testing.assert_close(again, found.gather(1, short))
    assert matching.score(anchor[:0], image, speech, tones).shape == (0, 7)


def test_the_loss_is_that_of_the_pairs_drawn() -> None:
    """Volumes that leave no choice: each row and each column has one small entry beside the diagonal."""
    matching = head()
    anchor, image, speech = draw(2, 3, 5, 8)
    near = np.array([3, 0, 1, 4, 2])  # the candidate of anchor i; the anchor of candidate j is its inverse
    volumes = torch.full((5, 5), 1e3, dtype=torch.float64)
    volumes[range(5), near] = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gram.losses.matching, "_LEAST_SHARE", 0)
        found = matching(anchor, image, speech, volumes=volumes).item()
    far = np.argsort(near)
    t, m, s = (rows.numpy() for rows in (anchor, image, speech))
    positive = [logit(matching, t[i], m[i], s[i]) for i in range(5)]
    negative = [logit(matching, t[i], m[near[i]], s[near[i]]) for i in range(5)]
    negative += [logit(matching, t[far[j]], m[j], s[j]) for j in range(5)]
    entropies = [np.logaddexp(0, -one) for one in positive] + [np.logaddexp(0, one) for one in negative]
    assert found == pytest.approx(np.mean(entropies), rel=1e-9)


def test_negatives_are_drawn_in_proportion_and_never_the_item_itself() -> None:
    volumes = draw(3, 6, 6).abs()
    shares = np.exp(-volumes.numpy() / 0.5)
    shares = shares / shares.sum(axis=1, keepdims=True) + 1e-4
    np.fill_diagonal(shares, 0)
    shares /= shares.sum(axis=1, keepdims=True)
    generator, counts = seeded(0), np.zeros((6, 6))
    for _ in range(4000):
        drawn = gram.losses.matching._hard_negatives(volumes, 0.5, generator)
        counts[np.arange(6), drawn.numpy()] += 1
    assert not counts.diagonal().any()
    np.testing.assert_allclose(counts / 4000, shares, atol=0.03)


def test_volumes_are_found_where_none_are_given() -> None:
    vectors = normalize(draw(4, 3, 6, 8), dim=-1)
    pairs = [torch.stack([vectors[0, i], vectors[1, j], vectors[2, j]]) for i in range(6) for j in range(6)]
    volumes = torch.from_numpy(qr_volume(torch.stack(pairs))).reshape(6, 6)
    for seed in range(3):
        given = head()(*vectors, volumes=volumes, generator=seeded(seed))
        torch.testing.assert_close(head()(*vectors, generator=seeded(seed)), given)
    assert not torch.allclose(head()(*vectors, volumes=1 - volumes, generator=seeded(0)), given)


def test_draws_repeat_and_are_part_of_the_state() -> None:
    vectors = draw(5, 3, 16, 8)
    matching = head(seed=3)
    values = [matching(*vectors).item() for _ in range(3)]
    assert len(set(values)) == 3
    again = head(seed=3)
    assert [again(*vectors).item() for _ in range(2)] == values[:2]
    resumed = head(seed=3)
    resumed.load_state_dict(again.state_dict())
    assert resumed(*vectors).item() == values[2]
    assert copy.deepcopy(head(seed=4))(*vectors).item() != values[0]
    assert matching(*vectors, generator=seeded(9)) == matching(*vectors, generator=seeded(9))


def test_gradients_reach_the_embeddings_and_are_right() -> None:
    inputs = [rows.requires_grad_() for rows in draw(6, 3, 4, 8).unbind()]
    volumes = draw(7, 4, 4).abs()
    matching = head(hidden=5)
    assert torch.autograd.gradcheck(lambda *rows: matching(*rows, volumes=volumes, generator=seeded(0)), inputs)
    for rows in (torch.zeros(3, 4, 8), torch.ones(3, 4, 8)):
        rows.requires_grad_()
        matching(*rows).backward()
        assert rows.grad is not None
        assert rows.grad.isfinite().all()


def test_missing_modalities() -> None:
    matching = head()
    anchor, image, speech = draw(8, 3, 4, 8)
    image[1] = torch.nan
    found = matching.score(anchor, image, speech)
    expected = [[logit(matching, t, m, s) for m, s in zip(image.numpy(), speech.numpy())] for t in anchor.numpy()]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9)
    assert matching(anchor, image, speech).isfinite()
    anchor[2] = torch.nan
    assert matching.score(anchor, image, speech).isnan().tolist() == [[row == 2] * 4 for row in range(4)]
    assert matching(anchor, image, speech).isnan()


def test_it_learns_to_find_the_item_again_among_items_it_has_not_seen() -> None:
    """Each modality sees an item through signs of its own, such that the mean cosine tells nothing; products do."""
    every_other = torch.tensor([1.0, -1.0]).repeat(8)
    signs = torch.stack([torch.ones(16), every_other, -every_other]).unsqueeze(1)
    vectors = normalize(draw(9, 576, 16) * signs + 0.1 * draw(10, 3, 576, 16), dim=-1).float()
    torch.manual_seed(0)
    matching = AnchorMatching(16, 3, hidden=64)
    optimizer = torch.optim.Adam(matching.parameters(), lr=0.01)
    first = last = None
    for step in range(160):
        rows = torch.randperm(512, generator=seeded(step))[:128]
        last = matching(*vectors[:, rows])
        first = last if first is None else first
        optimizer.zero_grad()
        last.backward()
        optimizer.step()
    assert last < 0.5 * first
    held_out = vectors[:, 512:]
    found = (matching.score(*held_out).argmax(dim=1) == torch.arange(64)).float().mean()
    by_cosine = (gram.score("cosine", *held_out).argmax(dim=1) == torch.arange(64)).float().mean()
    assert found > 0.9 > 0.1 > by_cosine


def test_what_does_not_fit_is_named() -> None:
    vectors = draw(12, 3, 4, 8)
    for settings, name in (({"d": 0}, "d"), ({"modalities": 1}, "modalities"), ({"hidden": 0}, "hidden")):
        with pytest.raises(ValueError, match=f"{name}: expected at least"):
            AnchorMatching(**{"d": 8, "modalities": 3, **settings})
    with pytest.raises(ValueError, match="temperature: expected a number above 0, got 0"):
        AnchorMatching(8, 3, temperature=0)
    with pytest.raises(ValueError, match="expected 3 modalities of 8 numbers, got 2 of 8"):
        head()(*vectors[:2])
    with pytest.raises(ValueError, match="expected 3 modalities of 8 numbers, got 3 of 6"):
        head().score(*vectors[:, :, :6])
    with pytest.raises(ValueError, match="as many items as the others, at least two; got 1 and 1"):
        head()(*vectors[:, :1])
    with pytest.raises(ValueError, match="as many items as the others, at least two; got 2 and 4"):
        head()(vectors[0, :2], *vectors[1:])
    with pytest.raises(ValueError, match=r"volumes: expected shape \(4, 4\), got \(4, 3\)"):
        head()(*vectors, volumes=torch.ones(4, 3))
    assert "weight=0.1" in repr(head())


def test_the_examples_in_the_docstrings() -> None:
    assert doctest.testmod(gram.losses.matching).failed == 0
