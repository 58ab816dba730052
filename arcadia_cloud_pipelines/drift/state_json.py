"""The JSON of a Terraform state: whole, of a format that we read, and with its serial."""

from __future__ import annotations

import codecs
import json
from typing import Any

import orjson

from .errors import DriftError
from .terraform_types import Unreadable

FORMAT = 4


WRITE_ANEW = "write it again with `terraform state pull`"


class TerraformError(DriftError):
    """A state cannot be read; the text names the file, the place and what to do."""


def decoded_state(text: bytes, path: str) -> Any:
    """Return what a file holds as JSON.

    Raises:
        TerraformError: it is not text, not JSON, or a key comes twice.
    """
    try:
        decoded = _unicode(text)
        state = orjson.loads(decoded)
        # Of a key that comes twice a reader takes either one.
        json.loads(decoded, object_pairs_hook=_no_key_twice)
    except orjson.JSONDecodeError as error:
        raise TerraformError(
            f"{path} is not valid JSON (line {error.lineno}: {error.msg}): write it with "
            "`terraform state "
            "pull`."
        ) from None
    except UnicodeDecodeError:
        raise TerraformError(
            f"{path} is not text in UTF-8 or UTF-16: write it with `terraform state pull`."
        ) from None
    except RecursionError:
        raise TerraformError(
            f"{path} is nested too deeply for a Terraform state: write it with `terraform state "
            "pull`."
        ) from None
    except Unreadable as error:
        raise TerraformError(
            f"{path} is not a Terraform state as Terraform writes it: {error}. Write it again with "
            "`terraform state pull`."
        ) from None
    return state


def _unicode(text: bytes) -> str:
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if text.startswith(mark):
            return text.decode(encoding)
    # Without a mark: JSON begins with ASCII, so a zero tells.
    if text[1:2] == b"\0":
        return text.decode("utf-16-le")
    return text.decode("utf-16-be" if text[:1] == b"\0" else "utf-8")


def _no_key_twice(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise Unreadable(f"the key {key[:60]!r} comes twice in one object")
        seen.add(key)


def state_header(state: Any, path: str) -> tuple[str, int]:
    """Return lineage and serial of a state.

    Raises:
        TerraformError: it is no state, or of a format that we do not read.
    """
    if not isinstance(state, dict):
        raise TerraformError(f"{path} is not a Terraform state (it has no version): {WRITE_ANEW}.")
    if "encrypted_data" in state or "encryption_version" in state:
        raise TerraformError(f"{path} is encrypted: write it decrypted, with `tofu state pull`.")
    if "format_version" in state:
        raise TerraformError(
            f"{path} is what `terraform show -json` prints: write it with `terraform state pull`."
        )
    version = state.get("version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise TerraformError(
            f"{path} is not a Terraform state (it has no version as a number): {WRITE_ANEW}."
        )
    if version != FORMAT:
        raise TerraformError(
            f"{path} has state format {version}, this release reads {FORMAT}: "
            + (
                "update arcadia-cloud-pipelines."
                if version > FORMAT
                else "run `terraform apply -refresh-only` with Terraform 0.12 or newer."
            )
        )
    lineage, serial = state.get("lineage"), state.get("serial")
    if (
        not isinstance(lineage, str)
        or not 0 < len(lineage) <= 200
        or not lineage.isprintable()
        or not isinstance(serial, int)
        or isinstance(serial, bool)
        or not 0 <= serial < 2**63
    ):
        raise TerraformError(
            f"{path} is not a complete Terraform state (lineage or serial is missing or has the "
            f"wrong type): {WRITE_ANEW}."
        )
    return lineage, serial
