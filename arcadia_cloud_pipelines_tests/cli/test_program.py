"""What holds for every command: help at once, errors as one sentence."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from arcadia_cloud_pipelines.cli.errors import told_in_one_sentence
from arcadia_cloud_pipelines.cli.main import main
from arcadia_cloud_pipelines.operations.errors import OperationsError

from .conftest import Run


def test_help_lists_the_commands_without_loading_anything_heavy() -> None:
    code = (
        "import sys\n"
        "from arcadia_cloud_pipelines.cli.main import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "heavy = {'dagster', 'sqlalchemy', 'pandas', 'requests', 'psycopg2', 'rich'}\n"
        "print('LOADED', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for command in ("demo", "up", "migrate", "doctor", "psql", "simulate", "inventory"):
        assert f"\n  {command} " in done.stdout
    assert "LOADED []" in done.stdout


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_has_help(command: str) -> None:
    result = CliRunner().invoke(main, [command, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_a_wrong_option_is_a_usage_error(arcadia: Run) -> None:
    done = arcadia("doctor", "--nonsense")
    assert done.returncode == 2
    assert "No such option" in done.stderr


@pytest.mark.parametrize("command", [["migrate"], ["psql", "-c", "select 1"], ["up"]])
def test_a_wrong_setting_is_one_sentence_without_the_secret(
    arcadia: Run, command: list[str]
) -> None:
    done = arcadia(*command, ARCADIA_DATABASE_URL="mysql://me:hunter2@db/x")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ARCADIA_DATABASE_URL is not a PostgreSQL URL")
    assert "hunter2" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_an_absent_server_is_one_sentence(arcadia: Run) -> None:
    done = arcadia("migrate", ARCADIA_DATABASE_URL="postgresql://me:hunter2@127.0.0.1:1/x")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: The warehouse 127.0.0.1:1/x does not answer")
    assert "hunter2" not in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_for_people_is_told() -> None:
    with pytest.raises(click.ClickException, match="do this"), told_in_one_sentence():
        raise OperationsError("do this")


def test_a_mistake_of_ours_stays_a_traceback() -> None:
    with pytest.raises(ZeroDivisionError), told_in_one_sentence():
        _ = 1 / 0


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOSPC, errno.EROFS])
def test_a_closed_folder_or_a_full_disk_is_one_sentence(number: int) -> None:
    with pytest.raises(click.ClickException, match=r"up.lock: .*ARCADIA_HOME"):  # noqa: SIM117
        with told_in_one_sentence():
            raise OSError(number, os.strerror(number), "up.lock")
