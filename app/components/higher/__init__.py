"""Up to five vectors as the projection of their parallelotope, turned in the browser."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from app.components.shared import component
from gram.plots import style


def show(coordinates: Float[np.ndarray, "k m"], names: Sequence[str], *, key: str, dark: bool) -> None:
    """Draw the parallelotope with all its corners and edges, and say in numbers what the picture leaves out.

    Args:
        coordinates: two to five vectors in m = 3, 4 or 5 dimensions. The first three coordinates are what the best view
            shows; the others come into it as the direction turns.
        names: of the vectors, the anchor first.
        key: the picture's name in the session.
        dark: for a dark ground.
    """
    colours = style.colours(names)
    component(Path(__file__).parent, scripts=("gram", "scene"), styles=("scene",))(
        data={
            "vectors": coordinates.tolist(),
            "names": list(names),
            "colours": [colours[name] for name in names],
            "dark": dark,
        },
        key=key,
    )
