from __future__ import annotations

import pickle

import pytest

from arcadia_cloud_pipelines.digitalocean import errors

TYPES = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.DigitalOceanError)
]


@pytest.mark.parametrize("kind", TYPES)
def test_one_sentence_with_all_an_operator_needs(kind: type[errors.DigitalOceanError]) -> None:
    error = kind(
        "GET /v2/x?page=2",
        "answered 409 (conflict: no)",
        status=409,
        error_id="conflict",
        request_id="r-1",
    )
    assert str(error) == (
        f"GET /v2/x?page=2 answered 409 (conflict: no) (request r-1): {kind.advice}."
    )


@pytest.mark.parametrize("kind", TYPES)
def test_survives_pickle(kind: type[errors.DigitalOceanError]) -> None:
    error = kind("GET /v2/x", "failed", status=503, request_id="r", transient=True, advice="do")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), repr(again)) == (kind, str(error), repr(error))
    assert vars(again) == vars(error)


def test_transient_by_type() -> None:
    transient = {kind.__name__ for kind in TYPES if kind("GET /v2/x", "failed").transient}
    assert transient == {"RateLimited", "Unreachable", "ServerError"}


def test_clean() -> None:
    assert errors.clean(None) == ""
    assert errors.clean("a\x00b\r\nc\x1b[31m\u202ed") == "a b c [31m d"
    assert len(errors.clean("x" * 1000)) == 200
    # A secret across the cut must not leave its first half behind.
    assert "secr" not in errors.clean("y" * 196 + "secret", hide=["secret"])
    assert errors.clean("a secret b", hide=["secret", ""]) == "a *** b"
