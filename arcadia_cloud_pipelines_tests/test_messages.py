"""Every message: in the page, about a thing that it names, with what to do, in plain words."""

from __future__ import annotations

import ast
import re

import pytest

from arcadia_cloud_pipelines.documentation import message_sources, messages
from arcadia_cloud_pipelines.documentation.message_makers import Message
from arcadia_cloud_pipelines.documentation.message_sources import collect

MESSAGES = collect()

VERBS = (
    "add allow ask begin change check choose clone close compare confirm copy correct create "
    "delete "
    "do drop end free give grant install leave let list look make materialise move name open pay "
    "paste put raise read remove repeat report restart restore run save see send set shorten show "
    "split start stop take tell terminate turn unset update use wait write"
)
TO_DO = re.compile(
    r"(?:^|[.:;,(] ?|\b(?:and|or|then|so|please) )(?:please )?"
    rf"(?:{'|'.join(VERBS.split())})\b|\bmust\b|\bneeds\b|Did you mean"
    # Which says it itself.
    r"|\{problem\}$",
    re.IGNORECASE,
)
NAMES = re.compile(r"\{[^}]+\}|\b[A-Z]+_[A-Z_]+\b|`[^`]+`|--[a-z]+|actor|spec|rule|token")
INNER = re.compile(
    r"\b(sweeps?|strikes?|struck|sightings?|staging|noise|twins?|withheld|blanked|overlooked|anew"
    r"|mend|told|as said|well again|nobody says"
    r"|(?<!there )(?:is|are) no(?! longer)(?:ne)?)\b",
    re.IGNORECASE,
)


def of(*groups: str) -> list[Message]:
    return [message for message in MESSAGES if message.group in groups]


def test_the_page_is_current() -> None:
    page = messages.PATH.read_text(encoding="utf-8")
    assert page == messages.messages_page(), "run `python -m arcadia_cloud_pipelines.documentation`"


def test_every_error_says_what_to_do() -> None:
    without = [
        f"{m.module}: {m.text}"
        for m in of("error", "usage")
        # What is filled in alone is another message.
        if not TO_DO.search(m.text) and not re.fullmatch(r"[{}\w: .]+", m.text)
    ]
    assert without == []


def test_every_error_names_the_thing() -> None:
    assert [f"{m.module}: {m.text}" for m in of("error", "usage") if not NAMES.search(m.text)] == []


def test_every_alarm_problem_and_failed_call_says_what_to_do() -> None:
    without = [
        f"{m.module}: {m.text} → {m.advice!r}"
        for m in of("alarm", "doctor", "digitalocean")
        if not m.text.startswith(("✓", "–"))
        and m.advice not in ("{advice}", "{problem}")
        and not TO_DO.search(m.advice)
    ]
    assert without == []


def test_what_is_fine_has_nothing_to_do() -> None:
    assert [m for m in of("doctor") if m.text.startswith(("✓", "–")) and m.advice] == []


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: f"{m.module}:{m.text[:40]}")
def test_no_message_has_words_of_the_code(message: Message) -> None:
    # A name in braces or backticks is an identifier.
    text = re.sub(r"\{[^}]*\}|`[^`]*`", "", f"{message.text} {message.advice}")
    assert INNER.search(text) is None


SOURCE = """
from errors import OperationsError
LIMIT = "five"
WHERE = f"in {place}"

def work(path, error):
    reason = "no room" if error else "no rights"
    if path:
        raise OperationsError(
            f"{path.name} is too long " + f"({len(path):,} of {LIMIT}) {WHERE}: {reason}."
        )
    raise ValueError("a fault of the program")

class Sub(OperationsError):
    def __init__(self):
        super().__init__("not a call of an error")

raise Sub("two words")
"""


def test_a_message_is_read_with_what_is_filled_in() -> None:
    found = {m.text for m in message_sources.of_module("cli/x", ast.parse(SOURCE))}
    assert found == {"{name} is too long ({path} of five) in {place}: no room | no rights."}


def test_the_collection_is_whole() -> None:
    """A kind of message that is not found any more would make the other tests silent."""
    least = {
        "error": 160, "digitalocean": 20, "alarm": 20, "doctor": 60, "check": 15, "http": 10,
        "ui": 8, "assistant": 8, "usage": 15, "line": 70, "skip": 5, "log": 15, "part": 15,
    }  # fmt: skip
    counts = {group: len(of(group)) for group in least}
    assert {group for group, count in counts.items() if count < least[group]} == set(), counts
