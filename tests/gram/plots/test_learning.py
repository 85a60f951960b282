"""Held-out recall during training: what the figure draws."""

import numpy as np
import pandas as pd
import pytest

from gram.plots.learning import learning

HISTORY = pd.DataFrame(
    {
        "model": ["gram", "gram", "singular"], "step": [0, 10, 0], "recall_volume": [0.1, 0.4, 0.2],
        "recall_cosine": [0.2, 0.3, 0.1], "recall_singular": [np.nan, np.nan, 0.5],
    }
)  # fmt: skip


@pytest.mark.parametrize("dark", [False, True])
def test_a_model_has_a_line_for_each_measure_that_ranked_it(dark):
    figure = learning(HISTORY, dark=dark)
    lines = {trace.name: trace for trace in figure.data}
    assert list(lines) == [
        "gram by volume", "gram by cosine", "singular by volume", "singular by cosine", "singular by singular",
    ]  # fmt: skip
    np.testing.assert_allclose(lines["gram by volume"].y, [10, 40])
    assert list(lines["gram by volume"].x) == [0, 10]
    assert lines["gram by volume"].line.dash == "solid"
    assert lines["gram by cosine"].line.dash == "dot"
    assert lines["singular by singular"].line.dash == "dash"
    assert len({trace.line.color for trace in figure.data}) == 2


def test_a_history_that_lacks_a_column_is_refused():
    with pytest.raises(ValueError, match=r"history: expected columns .*; recall_cosine missing"):
        learning(HISTORY.drop(columns="recall_cosine"))
