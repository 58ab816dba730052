"""Terraform states that live elsewhere than in files: a TOML file, reviewed like code.

    [[source]]
    name = "network"
    type = "s3"
    bucket = "acme-states"
    key = "network/terraform.tfstate"
    region = "fra1"
    access_key_id_env = "STATES_ACCESS_KEY_ID"
    secret_access_key_env = "STATES_SECRET_ACCESS_KEY"

    [[source]]
    name = "shop"
    type = "http"
    url = "https://gitlab.example.com/api/v4/projects/7/terraform/state/shop"
    username = "arcadia"
    password_env = "STATES_GITLAB_TOKEN"      # or token_env alone, sent as Bearer

    [[source]]
    name = "platform"
    type = "command"
    argv = ["tofu", "state", "pull"]
    directory = "/srv/infra/platform"
    environment = ["PG_CONN_STR"]

Secrets stand in variables, or in files that `<VARIABLE>_FILE` names; the file only says which. An
entry that is wrong costs itself alone. Nothing is read here.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, TypeAdapter, ValidationError

from ..common.redaction import holds_secret, masked
from ..settings import Settings, SettingsError, checkout
from ..settings.reviewed_files import ReviewedFileError, read_tables, read_text, tuples
from ..settings.secret import named_secret
from .state_entries import CommandSource, HttpSource, S3Source, StateSource

MOST_SOURCES = 1_000
VARIABLE = "ARCADIA_STATE_SOURCES"
STATES = "ARCADIA_TERRAFORM_STATES"
PLACES = ("s3://", "https://", "http://", "command:")
"""Beginnings of what stands in ARCADIA_TERRAFORM_STATES and is no path."""

_ENTRY: TypeAdapter[StateSource] = TypeAdapter(Annotated[StateSource, Field(discriminator="type")])


@dataclass(frozen=True)
class Configured:
    """The places of desired state that are configured."""

    paths: tuple[str, ...] = ()
    """Files and patterns."""
    sources: tuple[StateSource, ...] = ()
    problems: tuple[tuple[str, str], ...] = field(default=())
    """The place in the configuration and a sentence, for each entry that cannot be used."""

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is configured."""
        return not (self.paths or self.sources or self.problems)


def configured_sources(settings: Settings) -> Configured:
    """Read where desired state is: ARCADIA_TERRAFORM_STATES and the file ARCADIA_STATE_SOURCES."""
    paths, problems = [], []
    sources: list[StateSource] = []
    for place in settings.terraform_states:
        if not place.startswith(PLACES):
            paths.append(place)
            continue
        try:
            source = _from_text(place, settings)
            sources += [source] * (source not in sources)
        except ValueError as error:
            shown = f"{STATES}: {place.partition(':')[0]}:…"
            problems.append((shown, f"{shown} cannot be used: {_first(error)}."))
    if settings.state_sources is not None:
        named, wrong = read_sources(settings.state_sources)
        sources += named
        problems += wrong
    return Configured(tuple(paths), tuple(sources), tuple(problems))


def unset(source: StateSource) -> str | None:
    """Return why a secret that a source names cannot be read; None where all can."""
    names = ["access_key_id_env", "secret_access_key_env", "password_env", "token_env"]
    try:
        for name in names:
            if variable := getattr(source, name, None):
                named_secret(variable)
    except SettingsError as error:
        return f"{source.shown}: {error}."
    return None


def read_sources(path: Path) -> tuple[list[StateSource], list[tuple[str, str]]]:
    """Read the file; the second list is the place and a sentence for each entry that is wrong."""
    try:
        return load_sources(read_text(path, VARIABLE), str(path))
    except ReviewedFileError as error:
        return [], [(str(path), str(error))]


def load_sources(text: str, source: str) -> tuple[list[StateSource], list[tuple[str, str]]]:
    """Read and check entries, each by itself.

    Args:
        text: TOML, as the head of this module says.
        source: the name of the text in messages.
    """
    try:
        document = read_tables(text, source, "source")
    except ReviewedFileError as error:
        return [], [(source, str(error))]
    entries = document["source"]
    if len(document) > 1:
        return [], [(source, f"{source} must hold [[source]] tables alone: remove the other keys.")]
    if len(entries) > MOST_SOURCES:
        return [], [(source, f"{source}: {len(entries):,} sources, {MOST_SOURCES:,} is the most.")]
    found: dict[str, StateSource] = {}
    problems = []
    for number, entry in enumerate(entries, 1):
        place = f"{source}, source {number}{_called(entry)}"
        try:
            made = _checked_entry(entry)
            if made.name in found:
                raise ValueError(f"the name {made.name} is there twice")
            found[made.name or ""] = made
        except ValueError as error:
            problems.append((place, f"{place}: {_first(error)}."))
    return list(found.values()), problems


def _called(entry: Any) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    good = isinstance(name, str) and name.isprintable() and not holds_secret(name)
    return f" ({name[:63]})" if good and isinstance(name, str) else ""


def _checked_entry(entry: Any) -> StateSource:
    if not isinstance(entry, dict):
        raise ValueError("must be a table")
    if "name" not in entry:
        raise ValueError("name is missing")
    return _ENTRY.validate_python(tuples(entry))


def _from_text(place: str, settings: Settings) -> StateSource:
    """Return what stands for an address of ARCADIA_TERRAFORM_STATES; none has credentials.

    Raises:
        ValueError: it cannot be used; the text does not show it.
    """
    if place.startswith("command:"):
        argv = tuple(shlex.split(place.removeprefix("command:")))
        return CommandSource(type="command", argv=argv, directory=str(checkout()))
    if not place.startswith("s3://"):
        return HttpSource(type="http", url=place)
    parts = urlsplit(place)
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    region = asked.pop("region", None)
    if asked or parts.fragment or "@" in parts.netloc:
        raise ValueError("an address is s3://BUCKET/KEY?region=REGION and no more")
    if region is None and len(settings.spaces.regions) == 1:
        [region] = settings.spaces.regions
    if region is None:
        raise ValueError("say in which region the bucket is: s3://BUCKET/KEY?region=fra1")
    return S3Source(type="s3", bucket=parts.netloc, key=parts.path.removeprefix("/"), region=region)


def _first(error: ValueError) -> str:
    """Return the first problem in words of ours; what stands there is never shown."""
    if not isinstance(error, ValidationError):
        return str(error)
    problem = error.errors(include_input=False, include_url=False, include_context=True)[0]
    where = [str(part) for part in problem["loc"] if part not in ("s3", "http", "command")]
    words = {
        "missing": "is missing",
        "extra_forbidden": "is not a key of this type",
        "union_tag_not_found": "type is missing: it is s3, http or command",
        "union_tag_invalid": "type must be s3, http or command",
        "string_type": "must be a text",
        "tuple_type": "must be a list",
    }
    text = words.get(problem["type"], problem["msg"].removeprefix("Value error, "))
    # A key that nobody knows may be anything.
    return f"{masked(', '.join(where))[:200]} {text}".strip()
