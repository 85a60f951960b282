"""Figures as the browser is sent them: what is drawn once of the same things is kept."""

import pickle
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import plotly.graph_objects as go

from app.data import sets


def json_of(draw: Callable[..., go.Figure], *arguments: Any, **options: Any) -> str:
    """Return the figure that a function draws as JSON; it is drawn once for equal arguments.

    Arguments are equal when they pickle to the same bytes, so what they hold counts, not which object they are.

    Args:
        draw: a function of a module; what it gives must follow from its arguments alone.
        arguments: what it is called with.
        options: what it is called with by name.
    """
    given = sha256(pickle.dumps((draw.__module__, draw.__qualname__, arguments, options))).hexdigest()
    return _json(given, draw, arguments, options)


@sets.cached(max_entries=256)  # of 5 to 30 kB
def _json(given: str, _draw: Callable[..., go.Figure], _arguments: tuple, _options: dict[str, Any]) -> str:
    return str(_draw(*_arguments, **_options).to_json())
