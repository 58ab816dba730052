"""What README and docs print to be typed: each command exists, with these words and options."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from arcadia_cloud_pipelines.cli.main import main
from arcadia_cloud_pipelines.warehouse import views

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
INLINE = re.compile(r"`((?:\.venv/bin/)?arcadia [a-z][^`]*|make [a-z]+)`")
ELSEWHERE = {
    "buildah",
    # Programs that are not ours, and words of the shell.
    "export", "curl", "git", "pip", "docker", "podman", "kubectl", "createdb", "useradd", "jq",
    "psql",
}  # fmt: skip
PLACEHOLDER = re.compile(r"^[A-Z_]+$|\{")


def lines(page: Path) -> Iterator[str]:
    """Each line that is meant to be typed as it stands."""
    for block in BLOCK.findall(page.read_text("utf-8")):
        yield from block.replace("\\\n", " ").splitlines()


def words(line: str) -> list[str]:
    """The words of the first command, without variables set before it, and nothing after a pipe."""
    line = re.sub(r"^(\w+)=\$\((.*)\)$", r"\2", line.strip())
    found = shlex.split(line, comments=True)
    found = found[: next((i for i, word in enumerate(found) if word in ("|", ">", "&&")), None)]
    while found and re.match(r"^\w+=", found[0]):
        found.pop(0)
    return found


def printed() -> list[tuple[str, str]]:
    return [(page.name, line) for page in PAGES for line in lines(page) if words(line)]


def parse(arguments: list[str]) -> None:
    """Have the program read its words as it does before it acts.

    Raises:
        click.UsageError: there is no such command, word or option.
    """
    command: click.Command = main
    context = click.Context(main, info_name="arcadia")
    while isinstance(command, click.Group) and arguments:
        name, found, arguments = command.resolve_command(context, arguments)
        assert found is not None
        command, context = found, click.Context(found, parent=context, info_name=name)
    if isinstance(command, click.Group):
        return  # a group alone, as `arcadia inventory`
    try:
        command.make_context(context.info_name, list(arguments), parent=context.parent)
    except click.MissingParameter:
        raise
    except click.BadParameter as error:
        if "does not exist" not in str(error.message):  # the file of an example is not here
            raise


def check_ours(found: list[str]) -> None:
    program = found[0].removeprefix(".venv/bin/")
    if program == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        assert set(found[1:]) <= set(targets)
    elif program == "arcadia":
        parse(found[1:])
        if found[1:2] == ["query"] and len(found) > 2:
            assert found[2] in {view.name for view in views.read_views()}
    elif "/" in program:
        assert (ROOT / program).exists() or program.startswith(("python", "bin/")), program
    else:
        assert program in ELSEWHERE | {"dagster", "python"}, program


@pytest.mark.parametrize(("page", "line"), printed())
def test_what_is_printed_can_be_typed(page: str, line: str) -> None:
    check_ours(words(line))


HARMLESS = re.compile(
    r"arcadia (query|inventory status|costs allocate$|statements list|migrate|backup)"
)
"""What may be tried on any migrated warehouse, an empty one too."""


def test_what_is_printed_does_what_it_says(
    libpq_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCADIA_DATABASE_URL", libpq_url)
    monkeypatch.setenv("ARCADIA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    typed = {shlex.join(words(line)).removeprefix(".venv/bin/") for _, line in printed()}
    tried = [line for line in sorted(typed) if HARMLESS.match(line)]
    assert len(tried) > 10
    for line in tried:
        done = CliRunner().invoke(main, shlex.split(line)[1:], catch_exceptions=False)
        assert done.exit_code == 0, f"{line}: {done.output}"
    assert (tmp_path / "arcadia.dump").stat().st_size > 1000


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_named_in_a_sentence_exist(page: Path) -> None:
    for text in INLINE.findall(page.read_text("utf-8")):
        # `arcadia api [--host]`: what may be left out is left out.
        found = [w for w in words(text) if w not in ("…", "...") and not w.startswith("[")]
        if any(PLACEHOLDER.match(word) for word in found):
            # `arcadia backup FILE`: the command is there, its word is a stand-in.
            kept = [word for word in found if not PLACEHOLDER.match(word)]
            command: click.Command | None = main
            for word in kept[1:]:
                if isinstance(command, click.Group):
                    command = command.commands.get(word)
            assert command is not None, text
        else:
            with suppress(click.MissingParameter):  # named, not printed to be typed
                check_ours(found)


def test_every_command_is_named_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    for name in main.commands:
        assert f"`arcadia {name}" in text or f", `{name}" in text, name


def test_every_page_and_picture_that_is_linked_is_there() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#: ]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
