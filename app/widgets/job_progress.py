"""Work in another process, as a page shows it: how far it is, the time left, and a button that stops it."""

from collections.abc import Callable
from typing import Protocol

import streamlit as st


class Job(Protocol):
    """Work that tells how far it is."""

    @property
    def share(self) -> float:
        """From 0 to 1, how much is done."""

    @property
    def ahead(self) -> int:
        """How many other computations have to end before this one begins."""

    @property
    def seconds_left(self) -> float | None:
        """Time left at the pace so far; None until that can be told."""

    def stop(self) -> None:
        """End the work."""


def show(job: Job, stage: str, *, key: str, stop: str = "Stop", on_stop: Callable[[], None] | None = None) -> None:
    """Show how far a job is, in a fragment that runs again and again.

    Args:
        job: the work.
        stage: what is being done, in words.
        key: of the button.
        stop: what the button says.
        on_stop: what it does; `job.stop` by default.
    """
    bar, button = st.columns([5, 1 if stop == "Stop" else 1.4], vertical_alignment="center")
    left = "" if job.seconds_left is None else f", about {job.seconds_left:.0f} s left"
    share = min(job.share, 1.0)
    said = f"{stage[:1].upper()}{stage[1:]}: {share:.0%}{left}"
    if job.ahead:
        said = f"Waiting: {job.ahead} computation{'s' if job.ahead > 1 else ''} before this one"
    bar.progress(share, text=said)
    button.button(stop, on_click=on_stop or job.stop, key=key, width="stretch")
