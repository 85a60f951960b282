"""Scores of alignment by name, all with one signature: (q, n), higher = better aligned.

The sign turns here and nowhere else. A measure works in two steps, so that a gallery is prepared once for many
queries:

>>> import torch
>>> from gram import measures
>>> text, image, speech = torch.nn.functional.normalize(torch.randn(3, 5, 8), dim=-1)
>>> volume = measures.get("volume")
>>> prepared = volume.prepare(image, speech)
>>> torch.equal(volume.scores(text, prepared), measures.score("volume", text, image, speech))
True

A row of NaN is a modality that the item lacks. Every measure leaves it out: the score is that of the modalities that
are there. A candidate that lacks them all scores -inf, so it is never retrieved; the scores of a missing query are NaN.
A vector of zeros has cosine 0 with everything. Scores carry no gradient: the losses do.

To add a measure, write one file with a subclass of `Measure` and `@register` (see `gram.measures.base`): in this
package, in a file that the environment variable GRAM_PLUGINS names, or in an installed package with an entry point in
the group `gram.measures`.
"""

from gram.measures.base import Measure, Parts, Prepared, get, names, paired_score, register, score

__all__ = ["Measure", "Parts", "Prepared", "get", "names", "paired_score", "register", "score"]
