"""The matching head: a binary classifier of anchor and candidate, trained on hard negatives."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from gram.geometry import pairwise_volume
from gram.geometry.arrays import as_pairs
from gram.geometry.orthonormal import blocks, missing_rows, unit_rows
from gram.losses.base import Draws

_LEAST_SHARE = 1e-4  # of every other item to be drawn, as in the authors' code: the easiest come up too


class AnchorMatching(nn.Module):
    """A small network whose logit says whether an anchor and a candidate are the same item.

    It sees the unit vectors of all modalities and, so that agreement is at hand, the products of the anchor's with each
    of the candidate's, coordinate by coordinate, all at a length of sqrt(d): (2 k - 1) d numbers, one hidden layer, one
    logit. It is an addition to a contrastive loss, and a way to rank the best of its candidates once more:

    >>> import torch
    >>> text, image, speech = torch.nn.functional.normalize(torch.randn(3, 8, 16), dim=-1)
    >>> matching = AnchorMatching(d=16, modalities=3)
    >>> addition = matching.weight * matching(text, image, speech)
    >>> matching.score(text, image, speech).shape
    torch.Size([8, 8])

    A missing modality (a row of NaN) of a candidate counts as zeros; an anchor of NaN has logits NaN.

    What differs from the source: there a cross-encoder, a transformer that attends to all tokens of both, takes the
    place of the network on embeddings, so it can see what the embeddings have lost and this cannot; and it draws
    negatives from the items of all ranks, this from those of its own.

    Args:
        d: dimensions of the embeddings.
        modalities: their number k, the anchor's included.
        hidden: width of the hidden layer.
        temperature: what the volumes are divided by when a hard negative is drawn.
        weight: of this loss relative to the contrastive one, 0.1 in the source; the caller applies it.
        seed: of the negatives. Each call draws the next ones; how many were drawn is part of the state.

    Raises:
        ValueError: when a number is out of its range.

    Source: Cicchetti et al., "Gramian Multimodal Representation Learning and Alignment", ICLR 2025, arXiv 2412.11959,
    its data-anchor matching loss; negatives as in the authors' code, github.com/ispamm/GRAM, `model/gram.py`.
    """

    def __init__(
        self, d: int, modalities: int, hidden: int = 256, temperature: float = 0.07, weight: float = 0.1, seed: int = 0
    ) -> None:
        super().__init__()
        for name, value, least in (("d", d, 1), ("modalities", modalities, 2), ("hidden", hidden, 1)):
            if value < least:
                raise ValueError(f"{name}: expected at least {least}, got {value}")
        if not 0 < temperature < float("inf"):
            raise ValueError(f"temperature: expected a number above 0, got {temperature}")
        self.d, self.modalities, self.hidden = d, modalities, hidden
        self.temperature, self.weight = temperature, weight
        self.layers = nn.Sequential(nn.Linear((2 * modalities - 1) * d, hidden), nn.GELU(), nn.Linear(hidden, 1))
        self.draws = Draws(seed)

    def forward(
        self,
        anchor: Float[Tensor, "b d"],
        *others: Float[Tensor, "b d"],
        volumes: Float[Tensor, "b b"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, ""]:
        """Return the binary cross-entropy over three pairs an item: itself, and a hard negative in each direction.

        Anchor i's negative is candidate j != i, drawn with a chance in proportion to softmax_j(-V_ij / tau) + 1e-4, and
        candidate j's is an anchor drawn likewise from column j. The draw carries no gradient; the embeddings and the
        network do.

        Args:
            anchor: (b, d), row i belongs to row i of the others; at least two items.
            *others: one (b, d) a modality.
            volumes: (b, b), those of every anchor with every candidate, if they are known already.
            generator: draws the negatives, on the CPU; if None, one seeded by the module's seed.

        Raises:
            ValueError: when the shapes do not fit, or there are fewer than two items.
        """
        anchor, others = self._checked(anchor, *others)
        if len(anchor) != len(others[0]) or len(anchor) < 2:
            raise ValueError(
                f"anchor: expected as many items as the others, at least two; got {len(anchor)} and {len(others[0])}"
            )
        with torch.no_grad():
            found = pairwise_volume(anchor, *others) if volumes is None else volumes.detach()
        if found.shape != (len(anchor), len(anchor)):
            raise ValueError(f"volumes: expected shape {(len(anchor),) * 2}, got {tuple(found.shape)}")
        generator = self.draws.next() if generator is None else generator
        candidates = _hard_negatives(found, self.temperature, generator)
        anchors = _hard_negatives(found.mT, self.temperature, generator)
        positive = self.score_paired(anchor, *others)
        negative = torch.cat(
            [
                self.score_paired(anchor, *(other[candidates] for other in others)),
                self.score_paired(anchor[anchors], *others),
            ]
        )
        logits = torch.cat([positive, negative])
        targets = torch.cat([torch.ones_like(positive), torch.zeros_like(negative)])
        return F.binary_cross_entropy_with_logits(logits, targets)

    def score_paired(
        self, anchor: Float[Tensor, "*batch d"], *others: Float[Tensor, "*batch d"]
    ) -> Float[Tensor, "*batch"]:
        """Return the logit of each anchor with the candidate at the same place.

        Leading axes broadcast: anchors (q, 1, d) and others (q, 50, d) give the logits (q, 50) of each query's best 50.
        """
        tips, *rest = (unit_rows(rows) * self.d**0.5 for rows in torch.broadcast_tensors(anchor, *others))
        rest = [rows.masked_fill(missing_rows(rows).unsqueeze(-1), 0) for rows in rest]
        return self.layers(torch.cat([tips, *rest, *(tips * rows for rows in rest)], dim=-1)).squeeze(-1)

    @torch.no_grad()
    def score(self, anchor: Float[Tensor, "q d"], *others: Float[Tensor, "n d"]) -> Float[Tensor, "q n"]:
        """Return the logit of every anchor with every candidate, higher = more likely the same item; no gradient.

        It costs a pass of the network a pair, in blocks: meant for a short list, the 50 best by volume in the source.

        Raises:
            ValueError: when the shapes do not fit.
        """
        anchor, others = self._checked(anchor, *others)
        size = len(others[0]) * (2 * self.modalities - 1) * self.d
        parts = [
            self.score_paired(anchor[block].unsqueeze(1), *(other.unsqueeze(0) for other in others))
            for block in blocks(len(anchor), size, anchor.device)
        ]
        return torch.cat(parts) if parts else anchor.new_empty(0, len(others[0]))

    def _checked(self, anchor: Tensor, *others: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        anchor, others = as_pairs(anchor, *others)
        if len(others) != self.modalities - 1 or anchor.shape[1] != self.d:
            raise ValueError(
                f"expected {self.modalities} modalities of {self.d} numbers, got {1 + len(others)} of {anchor.shape[1]}"
            )
        dtype = next(self.parameters()).dtype
        return anchor.to(dtype), tuple(other.to(dtype) for other in others)

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"d={self.d}, modalities={self.modalities}, temperature={self.temperature}, weight={self.weight}"


def _hard_negatives(volumes: Float[Tensor, "b b"], temperature: float, generator: torch.Generator) -> Int[Tensor, "b"]:
    """Sample another column for each row, likelier the smaller its volume; on the CPU, alike on all devices."""
    shares = torch.softmax(-volumes / temperature, dim=1).nan_to_num() + _LEAST_SHARE
    shares.fill_diagonal_(0)
    return torch.multinomial(shares.cpu(), 1, generator=generator).squeeze(1).to(volumes.device)
