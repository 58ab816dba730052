"""Says when to give up."""

from __future__ import annotations


class Patience:
    """Says when to give up: after so many seconds of waiting without an answer.

    Clones share it: while others are answered, one endpoint that hangs costs its own calls alone.
    """

    def __init__(self, seconds: float) -> None:
        """Have all of it left."""
        self.seconds = seconds
        self._waited = 0.0

    def renew(self) -> None:
        """Have all of it left again."""
        self._waited = 0.0

    def spend(self, seconds: float) -> None:
        """Count seconds that ended without an answer."""
        self._waited += seconds

    def is_over(self) -> bool:
        """Return true when none is left."""
        return self._waited > self.seconds
