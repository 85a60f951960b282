"""What the golden values are made of: a function a subject, from the built-in sets to numbers and text.

Every call into the library is in the modules that are imported here. Their keys are their own words, so a rename in the
library changes a line there and no golden value.
"""

from collections.abc import Callable

from tests.golden.diagnosis import diagnosis, failures, patterns, remedies, two_rankings
from tests.golden.retrieval import asking, evaluation, matched_and_mismatched, table_of_measures
from tests.golden.sets import Sets, Values, load_sets
from tests.golden.vectors import geometry, losses, neighbourhoods, principal_axes, stored_pictures

__all__ = ["SUBJECTS", "Sets", "load_sets"]

SUBJECTS: dict[str, Callable[[Sets], Values]] = {
    "evaluation-gram": lambda sets: evaluation(sets["gram"]),
    "evaluation-cosine": lambda sets: evaluation(sets["cosine"]),
    "diagnosis": diagnosis,
    "failures": failures,
    "two-rankings": two_rankings,
    "patterns": patterns,
    "remedies": remedies,
    "asking": asking,
    "measures": table_of_measures,
    "pictures-stored": stored_pictures,
    "pictures-pca": principal_axes,
    "pictures-umap": neighbourhoods,
    "geometry": geometry,
    "losses": losses,
    "distributions-gram": lambda sets: matched_and_mismatched(sets["gram"]),
    "distributions-cosine": lambda sets: matched_and_mismatched(sets["cosine"]),
}
