"""The page `docs/messages.md`: the texts that can reach a person, and the commands.

Texts are read from the source: `raise SettingsError(f"{name} is …")` gives "{name} is …". What is
filled in stands in braces. Made by `python -m arcadia_cloud_pipelines.documentation`.
"""

from __future__ import annotations

from collections.abc import Iterator

import click

from ..cli import main as arcadia
from .message_makers import PACKAGE, Message
from .message_sources import collect

PATH = PACKAGE.parent / "docs" / "messages.md"


_GROUPS = {
    "error": (
        "Errors",
        "A command ends with `Error:` and this sentence; a run in Dagster fails with it.",
    ),
    "digitalocean": (
        "Calls that fail",
        "After the call, such as `GET /v2/droplets`; what to do follows after a colon.",
    ),
    "alarm": ("Alarms", "In the message of an alarm, in `cloud_alarms` and in `arcadia doctor`."),
    "doctor": (
        "`arcadia doctor`",
        "✓ is fine, ✗ is a problem, – is not needed or cannot be checked now.",
    ),
    "check": ("Asset checks", "What is true while the check passes. Its result says what is not."),
    "http": ("Answers of the HTTP API", "In `detail`, after the status."),
    "ui": ("The guard of the Dagster UI", "A request that is refused gets this answer."),
    "assistant": ("Answers of `arcadia mcp`", "For the assistant that asked."),
    "usage": ("Wrong options", "A command ends with status 2."),
    "line": ("What commands print", ""),
    "skip": ("Why a schedule or sensor starts nothing", "In the Dagster UI, at its ticks."),
    "log": ("Logs", "In the files of `.arcadia/logs`, besides the log of Dagster."),
    "part": ("Parts of other messages", "They stand inside one of the messages above."),
}
_ADVISED = frozenset({"digitalocean", "alarm", "doctor"})


def messages_page() -> str:
    """Return `docs/messages.md` as it should be."""
    lines = [
        "# Messages",
        "",
        "Made by `python -m arcadia_cloud_pipelines.documentation`: change the code, not this "
        "page.",
        "It has every message, sorted, to look up what to do. `{word}` stands for what is",
        "filled in, `a | b` for one of two texts.",
    ]
    found = collect()
    for group, (title, where) in _GROUPS.items():
        rows = {_row(message) for message in found if message.group == group}
        advised = group in _ADVISED
        lines += ["", f"## {title}", "", *([where, ""] if where else [])]
        lines += (
            ["| message | what to do |", "| --- | --- |"] if advised else ["| message |", "| --- |"]
        )
        lines += sorted(rows, key=lambda row: row.replace("`", "").replace(" ", "").casefold())
    return "\n".join([*lines, *_commands()]) + "\n"


def _row(message: Message) -> str:
    text = f"{message.subject} {message.text}" if message.group == "http" else message.text
    cells = [text, message.advice] if message.group in _ADVISED else [text]
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(text: str) -> str:
    # As code, so that nothing in it is Markdown; backticks of its own need two around.
    text = " ".join(text.split()).replace("|", "\\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`" if text else ""


def _commands() -> Iterator[str]:
    """Yield the commands with their options, as `--help` shows them."""
    yield from (
        "",
        "## Commands",
        "",
        "| command | what it does | options |",
        "| --- | --- | --- |",
    )
    yield from _of_command("arcadia", arcadia.main)


def _of_command(name: str, command: click.Command) -> Iterator[str]:
    options = "<br>".join(
        f"`{option.opts[0]}` {option.help}"
        for option in command.params
        if isinstance(option, click.Option) and option.help
    )
    first = (command.help or "").split("\n\n")[0]
    cells = (f"`{name}`", first, options)
    yield f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in cells)} |"
    if isinstance(command, click.Group):
        for more, below in sorted(command.commands.items()):
            yield from _of_command(f"{name} {more}", below)
