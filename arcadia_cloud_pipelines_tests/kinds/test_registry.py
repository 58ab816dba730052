"""What must hold of the registry as a whole."""

from __future__ import annotations

from collections import Counter

import pytest

from arcadia_cloud_pipelines.kinds import (
    KIND_BY_NAME,
    KINDS,
    PROJECT,
    REGISTRY,
    SPACES_BUCKET,
    Kind,
)

EACH = pytest.mark.parametrize("kind", REGISTRY, ids=lambda kind: kind.name)


def test_every_entry_of_every_module_is_in_the_registry_once() -> None:
    for names in (
        [kind.name for kind in REGISTRY], [kind.asset for kind in REGISTRY],
        [urn for kind in REGISTRY for urn in kind.urn_types],
    ):  # fmt: skip
        assert [name for name, times in Counter(names).items() if times > 1] == []
    assert [kind for kind in REGISTRY if kind not in KINDS] == [SPACES_BUCKET, PROJECT]


@EACH
def test_wholes_and_parents_are_kinds(kind: Kind) -> None:
    assert kind.part_of is None or kind.part_of[0] in KIND_BY_NAME
    for endpoint in kind.endpoints:
        assert endpoint.per is None or endpoint.per in KIND_BY_NAME
        assert ("{parent}" in endpoint.path) == (endpoint.per is not None and not endpoint.inside)
    assert all(supplement.kind in KIND_BY_NAME for supplement in kind.supplements)


@EACH
def test_what_has_its_whole_s_identity_costs_nothing(kind: Kind) -> None:
    """Else a line with that identity would be of two resources."""
    if kind.part_of is not None and kind.part_of[1] == kind.identity:
        assert kind.free
    assert not (kind.free and kind.billed_alone)


@EACH
def test_the_calls_of_a_refresh_are_bounded(kind: Kind) -> None:
    """One call for each parent at most: no parent is itself a child with a call of its own."""
    for endpoint in kind.endpoints:
        if endpoint.per is not None and not endpoint.inside:
            assert all(of.per is None for of in KIND_BY_NAME[endpoint.per].endpoints)
