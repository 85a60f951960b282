"""Cached decks of questions on a model's test set."""

from app.data import sets
from app.quiz.deck import Question, deck
from gram.data.embedding_set import EmbeddingSet


def load_deck(model: str, candidates: tuple[str, ...], item: str, seed: int) -> list[Question]:
    """Return the deck of an item; treat it as read-only."""
    return _deck(sets.fingerprint(model), candidates, item, seed, sets.load_set(model))


@sets.cached(max_entries=32, show_spinner="Drawing the questions")
def _deck(
    fingerprint: tuple[str, int], candidates: tuple[str, ...], item: str, seed: int, _embedding_set: EmbeddingSet
) -> list[Question]:
    return deck(_embedding_set, candidates, item, seed)
