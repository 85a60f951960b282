"""Inner products of unit anchors with candidates' vectors, block by block."""

import pytest
import torch

from gram.geometry.inner_products import paired_projection, scores_in_blocks


@pytest.mark.parametrize("workspace", [1, 1 << 18])
def test_blocks_of_any_size_give_all_products(monkeypatch, workspace):
    monkeypatch.setattr("gram.geometry.orthonormal._WORKSPACE", {"cpu": workspace})
    generator = torch.Generator().manual_seed(0)
    anchor, vectors = torch.randn(5, 4, generator=generator), torch.randn(200, 3, 4, generator=generator)
    seen = []

    def total(products, block):
        seen.append(block)
        return sum(products)

    scores = scores_in_blocks(anchor, vectors, total)
    expected = torch.nn.functional.normalize(anchor, dim=1) @ vectors.sum(dim=1).T
    torch.testing.assert_close(scores, expected)
    assert [number for block in seen for number in range(200)[block]] == list(range(200))
    assert (len(seen) > 1) == (workspace == 1)


def test_paired_projections_are_the_diagonal():
    generator = torch.Generator().manual_seed(1)
    anchor, direction = torch.randn(6, 4, generator=generator), torch.randn(6, 4, generator=generator)
    expected = (torch.nn.functional.normalize(anchor, dim=1) @ direction.T).diagonal()
    torch.testing.assert_close(paired_projection(anchor, direction), expected)
