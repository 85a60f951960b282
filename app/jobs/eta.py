"""How long work will still take, from reports of how much is done."""

import time

_SECONDS_TO_TELL = 2.0  # before that, the pace of a stage says little


class EtaEstimator:
    """The time left at the pace so far: of all the work, or of its present stage where stages differ in pace."""

    def __init__(self, *, by_stage: bool = False) -> None:
        self._by_stage = by_stage
        self._stage = ""
        self._begun: tuple[float, float] | None = None  # when the pace begins to count, and the share then
        self._end: float | None = None  # on the monotonic clock

    def report(self, share: float, stage: str = "") -> None:
        """Take note that so much is done now."""
        now = time.monotonic()
        if self._begun is None or (self._by_stage and stage != self._stage):
            self._begun, self._stage = (now, share), stage
            return
        begun, before = self._begun
        if share > before and (not self._by_stage or now - begun >= _SECONDS_TO_TELL):
            self._end = now + (now - begun) * (1 - share) / (share - before)

    @property
    def seconds_left(self) -> float | None:
        """Time left, counting down between reports; None until that can be told."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())
