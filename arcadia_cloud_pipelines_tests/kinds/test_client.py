"""The registry beside DigitalOcean's own client: no list of the API goes unnoticed.

pydo is generated from the official description. Its operations are one file of 365,000 lines, which
takes longer to import than to read: the paths are taken from its text.
"""

from __future__ import annotations

import importlib.util
import re
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from arcadia_cloud_pipelines.kinds import KINDS

GROUPS = tomllib.loads((Path(__file__).parent / "not_mirrored.toml").read_text())["group"]
EXCLUDED = [path for group in GROUPS for path in group["lists"]]
_REQUEST = re.compile(r"^def build_\w+_request\(.*?(?=^(?:def|class) )", re.DOTALL | re.MULTILINE)
_PATH = re.compile(r'_url = \(?\s*((?:"[^"]*"\s*)+)')


def plain(path: str) -> str:
    """The path with `{}` for each parameter, whatever it is called."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def lists_in(source: str) -> set[str]:
    """Every GET of a client's text whose path does not end in a parameter."""
    found = set()
    for request in _REQUEST.findall(source):
        if 'method="GET"' in request:
            (url,) = _PATH.findall(request)
            found.add(plain("".join(re.findall(r'"([^"]*)"', url))))
    return {path for path in found if not path.endswith("}")}


@cache
def lists() -> set[str]:
    spec = importlib.util.find_spec("pydo")
    assert spec is not None
    assert spec.origin is not None
    return lists_in((Path(spec.origin).parent / "operations" / "_operations.py").read_text())


def matches(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern


MIRRORED = {plain(endpoint.path) for kind in KINDS for endpoint in kind.endpoints}


def unjudged(known: set[str]) -> list[str]:
    """Lists that are neither mirrored nor excluded."""
    return sorted(
        path for path in known - MIRRORED if not any(matches(pattern, path) for pattern in EXCLUDED)
    )


def gone(known: set[str]) -> list[str]:
    """Exclusions of lists that are no more."""
    return sorted(
        pattern for pattern in EXCLUDED if not any(matches(pattern, path) for path in known)
    )


def test_every_list_of_the_client_was_judged() -> None:
    assert unjudged(lists()) == [], "mirror it as a kind, or say in not_mirrored.toml why not"


def test_no_exclusion_names_a_list_that_is_no_more() -> None:
    assert gone(lists()) == [], "take it out of not_mirrored.toml"


def test_every_kind_is_in_the_client() -> None:
    assert MIRRORED - lists() == set()


def test_a_list_is_mirrored_or_excluded_once() -> None:
    assert [path for path, times in Counter(EXCLUDED).items() if times > 1] == []
    for pattern in EXCLUDED:
        assert not [path for path in MIRRORED if matches(pattern, path)], pattern
    for group in GROUPS:
        assert group.keys() == {"reason", "lists"}
        assert group["reason"].endswith(".")


@pytest.mark.parametrize("path", ["/v2/novelties", "/v2/droplets/{}/novelties"])
def test_a_new_list_and_a_lost_one_are_told(path: str) -> None:
    source = f'''
def build_novelties_list_request(**kwargs):
    _url = "{path.replace("{}", "{droplet_id}")}"
    return HttpRequest(method="GET", url=_url, params=_params, headers=_headers, **kwargs)


def build_novelties_get_request(**kwargs):
    _url = (
        "{path}"
        "/{{novelty_id}}"
    )
    return HttpRequest(method="GET", url=_url, params=_params, headers=_headers, **kwargs)


class NoveltiesOperations:
'''
    assert lists_in(source) == {path}
    assert unjudged(lists() | lists_in(source)) == [path]
    assert gone(lists() - {"/v2/1-clicks"}) == ["/v2/1-clicks"]
    assert gone({path for path in lists() if "/metrics/" not in path})


def test_the_client_was_read_at_all() -> None:
    assert len(lists()) > 300
    assert {"/v2/droplets", "/v2/domains/{}/records", "/v2/agents/sessions"} <= lists()
