"""The unit rows of a set, one modality after another, whichever are asked for."""

import numpy as np
import torch

from gram.projection.rows import UnitRows
from tests.helpers.projection_sets import make_set


def test_they_are_indexed_as_a_tensor_is():
    data = make_set(n=9, d=5, missing=[("image", 2), ("speech", 0)])
    present = {name: data.present(name).numpy() for name in data.names}
    rows = UnitRows(data, present)
    whole = torch.cat([data.normalized().modalities[name][torch.from_numpy(mask)] for name, mask in present.items()])
    assert (len(rows), rows.shape) == (25, (25, 5))
    mask = torch.from_numpy(np.random.default_rng(0).random(25) < 0.4)
    for which in (slice(None), slice(7, 12), slice(20, 99), torch.tensor([24, 0, 9, 8]), mask):
        torch.testing.assert_close(rows[which], whole[which], rtol=0, atol=0)
    assert rows[torch.tensor([], dtype=torch.long)].shape == (0, 5)


def test_modalities_that_are_not_named_are_left_out():
    data = make_set(n=9, d=5)
    rows = UnitRows(data, {"speech": data.present("speech").numpy()})
    torch.testing.assert_close(rows[:], data.normalized().modalities["speech"], rtol=0, atol=0)
