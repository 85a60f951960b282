"""The columns of a set's items that failures can be held against: recorded numbers, such as a corruption's strength."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics import Cases, failure_rate
from gram.plots.style import number

_BINS = 8  # enough to see a bend, with hundreds of items each in a set of thousands
_FEW = 12  # so many values or fewer are categories
_NAMES_EACH = 0.5  # whole numbers of which more than this share are unlike name the items rather than measure them
_TITLES = {  # of the built-in sets
    "image_noise": "picture: noise",
    "image_occluded": "picture: digit covered",
    "speech_snr": "speech: dB over the noise",
    "speech_dropped": "speech: digit dropped",
    "speech_tempo": "speech: tempo",
    "tones_snr": "tones: dB over the noise",
    "tones_dropped": "tones: digit dropped",
    "tones_seconds": "tones: seconds a key",
}
_PLACES = {-1: "none", 0: "first", 1: "second", 2: "third", 3: "last"}
_BY_PLACE = ("image_occluded", "speech_dropped", "tones_dropped")


class Column(NamedTuple):
    """One recorded number an item.

    Attributes:
        name: of the column.
        title: what the page calls it.
        values: (n,) in the order of the set's items; NaN where there is none.
        words: value -> what it is called, of a column with few values; empty of one that measures.
    """

    name: str
    title: str
    values: Float[np.ndarray, " n"]
    words: Mapping[float, str]

    @property
    def ends(self) -> tuple[float, float]:
        """Least and largest value."""
        return float(np.nanmin(self.values)), float(np.nanmax(self.values))

    def told(self, low: float, high: float) -> str:
        """Return a range in words."""
        if self.words:
            return ", ".join(word for value, word in self.words.items() if low <= value <= high) or "none of them"
        return f"{number(low)} to {number(high)}"

    def within(self, span: tuple[float, float]) -> np.ndarray:
        """Return which items have a value in a range, ends included."""
        return (self.values >= span[0]) & (self.values <= span[1])


def columns(embedding_set: EmbeddingSet) -> dict[str, Column]:
    """Return the columns by name: numbers that vary, and that do not name the items.

    A column that begins with the name of a modality, as "image_noise" does, tells of that modality: an item that lacks
    it has no value.
    """
    found = (
        _column(str(name), _where_there(str(name), values, embedding_set))
        for name, values in embedding_set.items.items()
    )
    return {each.name: each for each in found if each is not None}


def modality_of(name: str, embedding_set: EmbeddingSet) -> str:
    """Return the modality that a column tells of, as "image" of "image_noise"; "" where it tells of none."""
    told = [each for each in embedding_set.names if name.startswith(f"{each}_")]
    return max(told, key=len, default="")


def _where_there(name: str, values: "pd.Series", embedding_set: EmbeddingSet) -> "pd.Series":
    modality = modality_of(name, embedding_set)
    return values.where(embedding_set.present(modality).numpy()) if modality else values


def _column(name: str, values: "pd.Series") -> Column | None:
    if not pd.api.types.is_numeric_dtype(values) or name == "id":
        return None
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    numbers = np.where(np.isfinite(numbers), numbers, np.nan)
    known = np.unique(numbers[~np.isnan(numbers)])
    whole = bool((known == np.round(known)).all())
    if len(known) < 2 or (whole and len(known) > max(_FEW, _NAMES_EACH * len(numbers))):
        return None
    words: dict[float, str] = {}
    if len(known) <= _FEW:
        said = _PLACES if name in _BY_PLACE else {}
        words = {float(value): said.get(int(value), f"{value:g}") for value in known}
    return Column(name, _TITLES.get(name, name.replace("_", " ")), numbers, words)


def rates_of(table: pd.DataFrame, column: Column) -> pd.DataFrame:
    """Return how often cases fail in each bin of a column; a value a bin where it has few."""
    return failure_rate(table, column.values[table["row"].to_numpy()], bins=_BINS)


def telling(cases: Cases, among: Mapping[str, Column]) -> str:
    """Return the column that failures go along with most closely, by the size of Spearman's correlation."""
    wrong = (~cases.table["right"]).to_numpy(dtype=np.float64)
    rows = cases.table["row"].to_numpy()

    def closeness(column: Column) -> float:
        values = pd.Series(column.values[rows])
        if values.nunique() < 2 or not 0 < wrong.sum() < len(wrong):
            return 0.0
        return abs(float(values.corr(pd.Series(wrong), method="spearman")))

    return max(among.values(), key=closeness).name
