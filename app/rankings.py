"""One of two rankings that pages compare: whose embeddings, and which measure."""

from collections.abc import Sequence
from typing import NamedTuple

from app import data
from gram import measures

SIDES = ("left", "right")


class Judge(NamedTuple):
    """Whose embeddings, and which measure."""

    model: str
    measure: str

    @classmethod
    def named(cls, name: str) -> "Judge":
        """Return the judge of a name such as "gram model by volume"."""
        return cls(*name.split(" model by ", 1))

    @property
    def title(self) -> str:
        """What pages call it; also its name in their addresses."""
        return f"{self.model} model by {self.measure}"


def default(side: str) -> str:
    """Return the title of the ranking that a side begins with: the first model by volume, the last one by cosine."""
    models = data.models()
    return Judge(models[0], "volume").title if side == "left" else Judge(models[-1], "cosine").title


def options(offered: Sequence[str]) -> list[str]:
    """Return the titles of all judges by some measures."""
    return [Judge(model, measure).title for model in data.models() for measure in offered]


def help_on(offered: Sequence[str]) -> str:
    """Return what each measure is, as a widget's help."""
    return "Whose embeddings, by which measure:\n\n" + "\n".join(
        f"- **{name}**: {measures.get(name).help}" for name in offered
    )
