"""How bad something is: the same three words for alarms, drift, rules and metrics."""

from enum import StrEnum


class Severity(StrEnum):
    """The severity of something; the worst comes last."""

    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Return a number that is greater the worse it is."""
        return tuple(Severity).index(self)
