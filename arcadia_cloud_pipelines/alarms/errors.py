"""Errors of telling people."""


class AlarmError(Exception):
    """Nobody could be told, or not as configured; the text names the setting and what to do."""


class NotifyError(AlarmError):
    """A channel did not take the message. It is sent again."""


class AlarmRulesError(AlarmError):
    """The file of rules cannot be used; the text names file, rule and key."""
