"""Terraform states that a program prints, such as `tofu state pull`."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Final

from ..digitalocean.errors import clean
from ..settings.environment_file import named_variables
from .state_entries import CommandSource
from .state_json import TerraformError
from .terraform_files import MAX_BYTES

_CHUNK: Final = 64 * 1024
_MOST_ERRORS: Final = 16 * 1024
_SHOWN: Final = 300
_ALWAYS = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE")
_OWN = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1", "NO_COLOR": "1"}


def read_command(source: CommandSource, *, clock: Callable[[], float] = monotonic) -> bytes:
    """Return what the program prints.

    Args:
        source: which program, and where.
        clock: seconds that never go back.

    Raises:
        TerraformError: it cannot be started, failed, took too long, or printed nothing or too much.
            No process of it is left.
    """
    given = named_variables(source.environment)
    problem = None
    try:
        process = subprocess.Popen(
            source.argv, cwd=source.directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True,
            env={**named_variables(_ALWAYS), **_OWN, **given},
        )  # fmt: skip
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or "it holds a zero byte"
    if problem is not None:
        raise TerraformError(f"{source.shown} could not be started: {problem}. Check the command.")
    try:
        text, errors = _printed(process, source, clock)
    except TimeoutError:
        problem = f"was still running after {source.timeout_seconds} s"
    except OverflowError:
        problem = f"printed more than {MAX_BYTES // 2**20} MiB, so it is not a Terraform state"
    finally:
        _end(process)
    if problem is not None:
        raise TerraformError(f"{source.shown} {problem}, and was ended: run it by hand.")
    if process.returncode != 0:
        said = clean(errors.decode("utf-8", "replace"), hide=_secrets(given), limit=_SHOWN)
        how = f"failed (exit code {process.returncode})" + (f": {said}" if said else "")
        raise TerraformError(f"{source.shown} {how}. Run it by hand.")
    if not text.strip():
        raise TerraformError(
            f"{source.shown} printed nothing: run `tofu init` in its directory, or check that "
            "there is a state."
        )
    return text


def _printed(
    process: subprocess.Popen[bytes], source: CommandSource, clock: Callable[[], float]
) -> tuple[bytes, bytes]:
    """Return what it printed and its errors.

    Raises:
        TimeoutError: it did not end in time.
        OverflowError: it printed too much.
    """
    deadline = clock() + source.timeout_seconds
    parts: list[bytes] = []
    errors, size = b"", 0
    with selectors.DefaultSelector() as selector:
        for pipe, is_error in ((process.stdout, False), (process.stderr, True)):
            if pipe is not None:
                selector.register(pipe, selectors.EVENT_READ, is_error)
        while selector.get_map():
            left = deadline - clock()
            if left <= 0:
                raise TimeoutError
            for key, _ in selector.select(left):
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.data:
                    # The end says why; the rest is read so that it never waits for us.
                    errors = (errors + chunk)[-_MOST_ERRORS:]
                elif (size := size + len(chunk)) > MAX_BYTES:
                    raise OverflowError
                else:
                    parts.append(chunk)
    try:
        process.wait(max(0.0, deadline - clock()))
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    return b"".join(parts), errors


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave nothing of it: a child of its own may have outlived it, and hold the pipes."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _secrets(given: dict[str, str]) -> tuple[str, ...]:
    """Return the values that it was given, longest first: one may be part of another."""
    return tuple(sorted((v for v in given.values() if len(v) > 3), key=len, reverse=True))
