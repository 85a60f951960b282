"""Gram geometry for multimodal embeddings: volume = base x height.

The public names below are loaded on first use, so that `import gram` costs nothing until it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gram import measures as measures
    from gram.embedding_set import EmbeddingSet as EmbeddingSet
    from gram.errors import DatabaseError as DatabaseError
    from gram.errors import EmbeddingSetError as EmbeddingSetError
    from gram.errors import GramError as GramError
    from gram.errors import ModelError as ModelError
    from gram.evaluation import evaluate as evaluate
    from gram.feature_set import FeatureSet as FeatureSet
    from gram.geometry import base_and_height as base_and_height
    from gram.geometry import embed_in_3d as embed_in_3d
    from gram.geometry import gram_matrix as gram_matrix
    from gram.geometry import heights as heights
    from gram.geometry import log_volume as log_volume
    from gram.geometry import pairwise_volume as pairwise_volume
    from gram.geometry import random_volume as random_volume
    from gram.geometry import volume as volume
    from gram.index import Index as Index
    from gram.losses import GramLoss as GramLoss
    from gram.losses import PairwiseInfoNCE as PairwiseInfoNCE
    from gram.measures import score as score
    from gram.milvus_index import MilvusIndex as MilvusIndex

__version__ = "0.1.0"

_HOMES = {
    "geometry": (
        "base_and_height", "embed_in_3d", "gram_matrix", "heights",
        "log_volume", "pairwise_volume", "random_volume", "volume",
    ),
    "measures": ("score",),
    "losses": ("GramLoss", "PairwiseInfoNCE"),
    "embedding_set": ("EmbeddingSet",),
    "feature_set": ("FeatureSet",),
    "index": ("Index",),
    "milvus_index": ("MilvusIndex",),
    "evaluation": ("evaluate",),
    "errors": ("DatabaseError", "EmbeddingSetError", "GramError", "ModelError"),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_MODULES = (
    "alignment", "comparability", "diagnostics", "encoders", "errors", "evaluation", "experiments", "failure_tables",
    "figures", "geometry", "importers", "index", "losses", "measure_table", "measures", "milvus_index", "models",
    "numbers", "projection", "questions", "retrieval", "training",
)  # fmt: skip

__all__ = ["__version__", "measures", *sorted(_HOME_OF)]


def __getattr__(name: str) -> Any:
    """Load a public name, or one of the modules, on first use (PEP 562)."""
    if name in _HOME_OF:
        value = getattr(import_module(f"gram.{_HOME_OF[name]}"), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return import_module(f"gram.{name}")
    raise AttributeError(f"module 'gram' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__, *_MODULES})
