"""A bar that says what an answer's time went into: one segment a step, as wide as its share."""

from collections.abc import Mapping
from html import escape

_LEAST = 4  # per cent of the bar, so that a short step is still to be seen


def html(seconds: Mapping[str, float], *, title: str) -> str:
    """Return the bar, each step named below it with its milliseconds, and the same in words for a screen reader.

    Args:
        seconds: step -> how long it took; a step of 0 is left out.
        title: what is timed.
    """
    steps = {name: 1000 * taken for name, taken in seconds.items() if taken > 0}
    told = ", ".join(f"{name} {milliseconds(taken)}" for name, taken in steps.items())
    total = milliseconds(sum(steps.values()))
    bars = "".join(
        f'<i class="step{place}" style="flex:{taken:.2f} 1 {_LEAST}%" title="{escape(name)}"></i>'
        for place, (name, taken) in enumerate(steps.items())
    )
    names = "".join(
        f'<span><i class="step{place}"></i>{escape(name)} <b>{milliseconds(taken)}</b></span>'
        for place, (name, taken) in enumerate(steps.items())
    )
    return (
        f'<div class="timing" role="img" aria-label="{escape(title, quote=True)}: {escape(told, quote=True)}; '
        f'{total} together"><div class="bar">{bars}</div><div class="steps">{names}<span>{escape(title)} {total}</span>'
        "</div></div>"
    )


def milliseconds(value: float) -> str:
    """Return milliseconds as people read them: 0.4 ms, 12 ms, 1,234 ms."""
    return f"{value:,.0f} ms" if value >= 1 else f"{value:.1f} ms"
