"""Progress told at a bounded rate."""

import time
from collections.abc import Callable

Progress = Callable[[int, int | None], None]


class Ticker:
    """Calls back at most ten times a second, so that progress is fresh and costs nothing."""

    def __init__(self, on_progress: Progress | None, total: int | None) -> None:
        self.on_progress, self.total = on_progress, total
        self._due = 0.0

    def tick(self, done: int) -> None:
        """Report, when the last report is a tenth of a second old; whatever the callback raises goes through."""
        if self.on_progress is not None and (now := time.monotonic()) >= self._due:
            self._due = now + 0.1
            self.on_progress(done, self.total)
