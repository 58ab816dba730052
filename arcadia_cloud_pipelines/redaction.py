"""Texts that are credentials or name a person, told by their shape alone.

Field names are judged elsewhere; this is for what people write where it does not belong: a token
in a description, a password in a URL, and for texts of other people's programs.
"""

from __future__ import annotations

import re

MASK = "***"

_URL_OR_PAIR = (
    # A password in a URL; a credential in a query, a command line or a libpq connection string.
    r"://[^/\s:@]*:[^/\s@]+@"
    r"|(?i:passw(?:or)?d|passphrase|pwd|secret|token|api_?key|access_?key|signature|\bsig)"
    r"=[^&\s]{6,}"
    # Addresses that let everybody post who knows them.
    r"|\bhooks\.slack\.com/\S+|\bdiscord(?:app)?\.com/api/webhooks/\S+"
)
_SHAPES = (
    r"-----BEGIN [A-Z ]*PRIVATE KEY.*"
    r"|\bdo[a-z]_v1_\w{16,}"
    # Ids of access keys are none themselves, but stand beside their secret, which has no shape.
    r"|\b(?:AKIA|ASIA|DO00|DO801)[0-9A-Z]{15,17}\b.*"
    r"|(?<![\w-])eyJ[\w-]{10,}\.[\w.-]{10,}"
    r"|\b(?:gh[pousr]_|github_pat_|glpat-|xox[a-z]-|xapp-|hf_)[\w-]{16,}"
    r"|\bsk-(?:[a-z0-9]+-){0,3}\w{32,}"
    r"|\b[Bb]earer +[\w.~+/=-]{16,}"
)
_SHORT = re.compile(_URL_OR_PAIR)
_ANY = re.compile(f"{_URL_OR_PAIR}|{_SHAPES}", re.DOTALL)
_SHORTEST = 20
# The lookbehind keeps a long text without @ from being read once for each of its letters.
_MAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")


def holds_secret(text: str) -> bool:
    """Whether a text is or contains a credential."""
    # Cheap questions first, for this runs for every text of every object: short texts, which are
    # nearly all, are asked two, and the patterns are tried on hardly any.
    if len(text) < _SHORTEST:
        return ("://" in text or "=" in text) and _SHORT.search(text) is not None
    if (
        "=" in text or "/" in text or "_" in text or "DO" in text or "IA" in text
        or "eyJ" in text or "sk-" in text or "-----BEGIN" in text or "earer" in text
        or "glpat-" in text or "xox" in text or "xapp-" in text
    ):  # fmt: skip
        return _ANY.search(text) is not None
    return False


def without_mails(text: str) -> str:
    """The text with its mail addresses masked."""
    return _MAIL.sub(MASK, text) if "@" in text else text


def masked(text: str) -> str:
    """The text with all of that masked, for messages: what is left of it still says something."""
    return without_mails(_ANY.sub(MASK, text) if holds_secret(text) else text)
