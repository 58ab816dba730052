from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcadia_cloud_pipelines.digitalocean import (
    BadAnswer,
    DigitalOcean,
    DigitalOceanError,
    Listing,
    NotFound,
    PagingError,
    identity_of,
    pages,
    read_listing,
)

from .conftest import Server, Step, answer, raw

API = "https://api.digitalocean.com"
by_id = identity_of("id")


def things(*ids: int) -> list[dict[str, Any]]:
    return [{"id": one} for one in ids]


def page(
    ids: tuple[int, ...], *, next_: str | None = None, total: int | None = None, **more: Any
) -> bytes:
    body: dict[str, Any] = {"things": things(*ids), "links": {}} | more
    if next_ is not None:
        body["links"] = {"pages": {"next": next_}}
    if total is not None:
        body["meta"] = {"total": total}
    return answer(body)


def read(client: DigitalOcean, **options: Any) -> Listing:
    settings: dict[str, Any] = {"envelope": "things", "identity": by_id}
    return read_listing(client, "/v2/things", **(settings | options))


def ids(listing: Listing) -> list[int]:
    return [item["id"] for item in listing.items]


def targets(server: Server) -> list[str]:
    return [request.target for request in server.requests]


# -- tokens in the answer, and `pagination` --------------------------------------------------------


def test_a_list_by_tokens_is_read_to_its_end(server: Server, client: DigitalOcean) -> None:
    server.play(
        page((1, 2), next_page_token="a+b/c=="), page((3,), next_page_token="d"),
        page((), next_page_token=""),
    )  # fmt: skip
    listing = read(client, cursor=True, params={"status": "x"})
    assert (ids(listing), listing.complete, listing.total) == ([1, 2, 3], True, None)
    asked = [parse_qs(urlsplit(target).query) for target in targets(server)]
    assert asked == [
        {"status": ["x"], "page_size": ["200"]},
        {"status": ["x"], "page_size": ["200"], "page_token": ["a+b/c=="]},
        {"status": ["x"], "page_size": ["200"], "page_token": ["d"]},
    ]


@pytest.mark.parametrize("last", [{}, {"next_page_token": None}, {"next_page_token": ""}])
def test_the_last_page_of_tokens(
    server: Server, client: DigitalOcean, last: dict[str, Any]
) -> None:
    server.play(page(tuple(range(200)), **last))
    assert len(read(client, cursor=True).items) == 200
    assert len(server.requests) == 1, "a full page alone does not mean that there is another"


@pytest.mark.parametrize("token", [7, ["x"], {"x": 1}, True, "x" * 5000])
def test_a_token_that_is_none_fails_the_listing(
    server: Server, client: DigitalOcean, token: object
) -> None:
    server.play(page((1,), next_page_token=token))
    with pytest.raises(PagingError, match="token of the next page"):
        read(client, cursor=True)


def test_a_token_that_comes_again_fails_the_listing(server: Server, client: DigitalOcean) -> None:
    server.play(page((1,), next_page_token="x"), page((2,), next_page_token="x"))
    with pytest.raises(PagingError, match="already read"):
        read(client, cursor=True)


def test_a_token_in_a_list_of_pages_is_not_followed(server: Server, client: DigitalOcean) -> None:
    server.play(page((1,), next_page_token="x"))
    assert ids(read(client)) == [1]


def test_an_object_pagination_counts_and_leads_on(server: Server, client: DigitalOcean) -> None:
    def one(number: int, *held: int) -> bytes:
        pagination = {"page": number, "per_page": 2, "total": 5}
        return answer({"things": things(*held), "pagination": pagination})

    server.play(one(1, 1, 2), one(2, 3, 4), one(3, 5))
    listing = read(client, per_page=100)
    assert (ids(listing), listing.total, listing.complete) == ([1, 2, 3, 4, 5], 5, True)
    asked = [parse_qs(urlsplit(target).query) for target in targets(server)]
    assert [(q["page"], q["per_page"]) for q in asked] == [([n], ["100"]) for n in "123"]


def test_an_empty_list_whose_last_page_is_none(server: Server, client: DigitalOcean) -> None:
    links = {"pages": {"last": f"{API}/v2/things?page=0"}}
    server.play(answer({"things": [], "links": links, "meta": {"total": 0}}))
    listing = read(client)
    assert (listing.items, listing.complete) == ([], True)


# -- shapes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "links",
    [
        {},
        {"links": None},
        {"links": {}},
        {"links": []},
        {"links": {"pages": None}},
        {"links": {"pages": {}}},
        {"links": {"pages": {"next": ""}}},
        {"links": {"pages": {"next": None}}},
        {"links": {"pages": {"first": f"{API}/v2/things?page=1", "prev": "x"}}},
        {"links": {"pages": {"first": f"{API}/v2/p?page=1", "last": f"{API}/v2/p?page=1"}}},
        {"links": {"next": ""}},
    ],
)
def test_no_more_pages(links: dict[str, Any], server: Server, client: DigitalOcean) -> None:
    server.play(answer({"things": things(1, 2), "meta": {"total": 2}} | links))
    listing = read(client)
    assert listing == Listing(things(1, 2), 2, True, None, 1)
    assert targets(server) == ["/v2/things?page=1&per_page=200"]


@pytest.mark.parametrize(
    "next_",
    [
        f"{API}/v2/things?page=2&per_page=2",
        f"{API}/v2/things?per_page=2&page=2",
        f"{API}:443/v2/things?page=2",
        "/v2/things?page=2",
        "?page=2",
        "https//api.digitalocean.com/v2/things?page=2",  # as the spec's example spells it
        "{own}/v2/other?page=2",
    ],
)
@pytest.mark.parametrize("flat", [True, False])
def test_next_page(next_: str, flat: bool, server: Server, client: DigitalOcean) -> None:
    link = next_.replace("{own}", server.url)
    links = {"next": link} if flat else {"pages": {"next": link}}
    server.play(page((1, 2), links=links, meta={"total": 3}), page((3,), total=3))
    seen: list[tuple[int, int | None]] = []
    listing = read(
        client,
        params={"type": "gpus"},
        per_page=2,
        on_page=lambda count, total: seen.append((count, total)),
    )
    assert listing == Listing(things(1, 2, 3), 3, True, None, 2)
    # Our own filter stays although the link forgot it.
    assert targets(server) == [f"/v2/things?type=gpus&page={n}&per_page=2" for n in (1, 2)]
    assert seen == [(2, 3), (3, 3)]


def test_page_token(server: Server, client: DigitalOcean) -> None:
    server.play(
        page((1,), next_=f"{API}/v2/r?page=2&page_token=a%3D%3D&per_page=1", total=3),
        page((2,), next_=f"{API}/v2/r?page_token=b", total=3),
        page((3,), total=3),
    )
    assert ids(read(client)) == [1, 2, 3]
    assert [parse_qs(urlsplit(one).query).get("page_token") for one in targets(server)] == [
        None,
        ["a=="],
        ["b"],
    ]


def test_unpaged(server: Server, client: DigitalOcean) -> None:
    server.play(answer({"things": things(*range(300))}))
    listing = read(client, paged=False)
    assert (len(listing.items), listing.total, listing.complete) == (300, None, True)
    assert targets(server) == ["/v2/things"]


def test_unpaged_follows_a_link_that_is_there(server: Server, client: DigitalOcean) -> None:
    server.play(page((1,), next_=f"{API}/v2/things?page=2"), page((2,)))
    assert ids(read(client, paged=False)) == [1, 2]
    assert targets(server) == ["/v2/things", "/v2/things?page=2&per_page=200"]


def test_gen_ai(server: Server, client: DigitalOcean) -> None:
    server.play(
        answer({"things": things(1), "links": {}, "meta": {"page": 1, "pages": 2, "total": 2}}),
        answer({"things": things(2), "links": {}, "meta": {"page": 2, "pages": 2, "total": 2}}),
    )
    assert read(client) == Listing(things(1, 2), 2, True, None, 2)


def test_insights(server: Server, client: DigitalOcean) -> None:
    server.play(
        answer({"things": things(1), "total_items": 2, "total_pages": 2, "current_page": 1}),
        answer({"things": things(2), "total_items": 2, "total_pages": 2, "current_page": 2}),
    )
    assert read(client) == Listing(things(1, 2), 2, True, None, 2)


def test_vector_databases(server: Server, client: DigitalOcean) -> None:
    server.play(*[answer({"things": things(n), "total": 2}) for n in (1, 2)])
    assert read(client) == Listing(things(1, 2), 2, True, None, 2)


@pytest.mark.parametrize("second", [(), (1, 2)])
def test_full_page_without_links_or_total_is_doubted(
    second: tuple[int, ...], server: Server, client: DigitalOcean
) -> None:
    # Either there is no second page, or the API ignores `page` and gives the first again.
    server.play(answer({"things": things(1, 2)}), answer({"things": things(*second)}))
    assert read(client, per_page=2) == Listing(things(1, 2), None, True, None, 2)


def test_short_page_without_links_or_total_is_believed(
    server: Server, client: DigitalOcean
) -> None:
    server.play(answer({"things": things(1)}))
    assert read(client, per_page=2) == Listing(things(1), None, True, None, 1)


def test_object_keyed_by_id(server: Server, client: DigitalOcean) -> None:
    held = {"7": {"droplet_id": 7}, "8": {"backup": True}}
    server.play(answer({"policies": held, "meta": {"total": 2}}))

    def identity(item: dict[str, Any]) -> str:
        return str(item.get("droplet_id") or item["_key"])

    listing = read(client, envelope="policies", identity=identity)
    assert listing.items == [{"droplet_id": 7}, {"backup": True, "_key": "8"}]
    assert listing.complete


@pytest.mark.parametrize(
    ("body", "total"),
    [
        ({"things": None}, None),
        ({"things": []}, None),
        ({"things": {}}, None),
        ({"things": None, "meta": {"total": 0}}, 0),
        ({"meta": {"total": 0}}, 0),
        ({"total": 0}, 0),
    ],
)
def test_empty(body: Any, total: int | None, server: Server, client: DigitalOcean) -> None:
    server.play(answer(body))
    assert read(client) == Listing([], total, True, None, 1)


# -- what is not accepted -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "match"),
    [
        ({}, "has no 'things'"),
        ({"meta": {"total": 1}}, "has no 'things'"),
        ({"id": "x", "message": "y"}, "has no 'things'"),
        ({"things": 7}, "neither a list nor an object"),
        ({"things": ""}, "neither a list nor an object"),
        ({"things": [None]}, r"things\[0\] that is not an object"),
        ({"things": {"a": 2}}, r"things\[0\] that is not an object"),
        ({"things": [{"id": None}]}, r"things\[0\] without an identity"),
        ({"things": [{"id": ""}]}, r"things\[0\] without an identity"),
        ({"things": [{"id": True}]}, r"things\[0\] without an identity"),
        ({"things": [{"id": [1]}]}, r"things\[0\] without an identity"),
        ({"things": [], "meta": {"total": "1"}}, "'total' that is not a count"),
        ({"things": [], "meta": {"total": -1}}, "'total' that is not a count"),
        ({"things": [], "total": 1.5}, "'total' that is not a count"),
        ({"things": [], "total_items": True}, "'total_items' that is not a count"),
    ],
)
def test_bad_answers(body: Any, match: str, server: Server, client: DigitalOcean) -> None:
    server.play(answer(body))
    with pytest.raises(BadAnswer, match=match) as caught:
        read(client)
    assert caught.value.endpoint == "GET /v2/things"


@pytest.mark.parametrize(
    ("next_", "match"),
    [
        (f"{API}/v2/things", "without a number"),
        (f"{API}/v2/things?page=x", "that has no valid number"),
        (f"{API}/v2/things?page=-2", "that has no valid number"),
        (f"{API}/v2/things?page=٢", "that has no valid number"),
        (f"{API}/v2/things?page=1", "already read"),
        (f"{API}/v2/things?page=3", "from page 1 to page 3"),
        (7, "not text"),
        ({"page": 2}, "not text"),
    ],
)
def test_bad_links(
    next_: Any, match: str, server: Server, other: Server, client: DigitalOcean
) -> None:
    server.play(page((1,), next_=next_), page((2,)))
    with pytest.raises(PagingError, match=match):
        read(client)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "next_",
    [
        "https://evil.example/v2/things?page=2",
        "https://api.digitalocean.com.evil.example/?page=2",
        "https://api.digitalocean.com@evil.example/?page=2",
        "http://api.digitalocean.com/v2/things?page=2",
        "https://api.digitalocean.com:8443/v2/things?page=2",
        "//evil.example/v2/things?page=2",
        "http://127.0.0.1:1/v2/things?page=2",
        "file:///v2/things?page=2",
        "http://[::1?page=2",
        "http://127.0.0.1:port/?page=2",
    ],
)
def test_of_a_link_only_its_number_is_used(
    next_: str, server: Server, client: DigitalOcean
) -> None:
    server.play(page((1,), next_=next_), page((2,)))
    assert ids(read(client)) == [1, 2]
    assert [request.target.partition("?")[0] for request in server.requests] == ["/v2/things"] * 2
    assert "page=2" in server.requests[1].target


def test_a_live_foreign_server_is_not_asked(
    server: Server, other: Server, client: DigitalOcean
) -> None:
    server.play(page((1,), next_=f"{other.url}/v2/things?page=2"), page((2,)))
    assert ids(read(client)) == [1, 2]
    assert other.requests == []


def test_links_without_a_next_page_end_nothing_while_the_total_is_not_reached(
    server: Server, client: DigitalOcean
) -> None:
    server.play(page((1, 2), total=3), page((3,), total=3))
    listing = read(client)
    assert (ids(listing), listing.complete) == ([1, 2, 3], True)


@pytest.mark.parametrize("odd", ["x", 7, None, {"name": "x"}, {"id": ""}])
def test_an_odd_item_costs_itself(odd: Any, server: Server, client: DigitalOcean) -> None:
    listed = answer({"things": [{"id": 1}, odd, {"id": 3}]})
    server.play(listed, listed)
    listing = read(client)
    assert ids(listing) == [1, 3]
    assert not listing.complete
    assert "things[1]" in str(listing.reason)


@pytest.mark.parametrize("total", [2**31, 10**30, -1, 1.5, True, "3"])
def test_a_total_that_is_no_count(total: Any, server: Server, client: DigitalOcean) -> None:
    server.play(answer({"things": [{"id": 1}], "meta": {"total": total}}))
    with pytest.raises(BadAnswer, match="total"):
        read(client)


def test_loops(server: Server, client: DigitalOcean) -> None:
    two = f"{API}/v2/things?page=2"
    server.play(page((1,), next_=two), page((2,), next_=two))
    with pytest.raises(PagingError, match="already read"):
        read(client)
    token = f"{API}/v2/things?page_token=t"
    server.play(page((1,), next_=token), page((2,), next_=token))
    with pytest.raises(PagingError, match="already read"):
        read(client)


def test_endless(server: Server, client: DigitalOcean, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOST_PAGES", 3)
    server.play(*[page((n,), next_=f"{API}/v2/things?page={n + 1}") for n in range(1, 9)])
    with pytest.raises(PagingError, match="more than 3 pages"):
        read(client)
    assert len(server.requests) == 3


def test_an_error_in_the_middle_gives_nothing(server: Server, client: DigitalOcean) -> None:
    server.play(page((1,), next_=f"{API}/v2/things?page=2", total=2), raw(404))
    with pytest.raises(NotFound) as caught:
        read(client)
    assert caught.value.endpoint == "GET /v2/things?page=2&per_page=200"


@pytest.mark.parametrize("per_page", [0, 201])
def test_per_page(per_page: int, client: DigitalOcean) -> None:
    with pytest.raises(ValueError, match="per_page"):
        read(client, per_page=per_page)


# -- completeness ---------------------------------------------------------------------------------

TWO = f"{API}/v2/things?page=2"


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        ([page((1, 2), total=3), page((), total=3)], "2 distinct items, but the API counts 3"),
        ([page((1, 2, 3, 4), total=3)], "4 distinct items, but the API counts 3"),
        ([page((1,), total=0)], "1 distinct items, but the API counts 0"),
        ([answer({"things": None, "meta": {"total": 3}})], "0 distinct items"),
        (
            [page((1, 2), next_=TWO, total=4), page((3,), total=3)],
            "total moved between 3 and 4",
        ),
        ([page((1, 2), next_=TWO), page((2, 3))], "1 of 3 items came more than once"),
        ([page((1, 2, 2, 3), total=3)], "1 of 3 items came more than once"),
    ],
)
@pytest.mark.parametrize("settles", [True, False])
def test_doubt_is_checked_once(
    first: list[Step], reason: str, settles: bool, server: Server, client: DigitalOcean
) -> None:
    second = [page((1, 2, 3), total=3)] if settles else first
    server.play(*first, *second)
    listing = read(client)
    assert listing.complete == settles
    assert listing.api_calls == len(first) + len(second)
    if settles:
        assert (ids(listing), listing.total, listing.reason) == ([1, 2, 3], 3, None)
    else:
        assert listing.reason is not None
        assert reason in listing.reason
        assert listing.reason.startswith("GET /v2/things read twice: ")


def test_what_either_reading_saw_is_returned(server: Server, client: DigitalOcean) -> None:
    def item(one: int, name: str) -> dict[str, Any]:
        return {"id": one, "name": name}

    server.play(
        answer(
            {
                "things": [item(1, "a"), item(1, "b"), item(2, "a")],
                "links": {},
                "meta": {"total": 3},
            }
        ),
        page((), total=3),
        answer({"things": [item(2, "c"), item(3, "c")], "links": {}, "meta": {"total": 3}}),
        page((), total=3),
    )
    listing = read(client)
    assert listing.items == [item(1, "b"), item(2, "c"), item(3, "c")]
    assert (listing.complete, listing.total) == (False, 3)


def test_last_read_wins_and_unpaged_totals_count(server: Server, client: DigitalOcean) -> None:
    server.play(page((1, 2), total=3), page((1, 2, 3), total=3))
    assert read(client, paged=False).complete


def test_retries_count_as_calls(server: Server, client: DigitalOcean) -> None:
    server.play(raw(500), page((1,)), page((1,)))
    assert read(client).api_calls == 2
    assert read(client).api_calls == 1


def test_items_are_not_in_the_repr(server: Server, client: DigitalOcean) -> None:
    server.play(answer({"things": [{"id": 1, "password": "p4ss"}]}))
    assert "p4ss" not in repr(read(client))


def test_identity_of() -> None:
    assert by_id({"id": 0}) == "0"
    assert by_id({"id": "a"}) == "a"


# -- any API --------------------------------------------------------------------------------------


@dataclass
class Fake(DigitalOcean):
    """An API over a list that changes between requests, without HTTP."""

    rows: list[int]
    changes: list[Callable[[list[int]], None] | None]
    shape: str
    size: int
    calls: int = 0
    ever: set[int] = field(default_factory=set)
    always: set[int] = field(default_factory=set)

    base_url = API  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.ever, self.always = set(self.rows), set(self.rows)

    def get(
        self, path: str, params: Mapping[str, Any] | None = None, *, scope: str | None = None
    ) -> dict[str, Any]:
        if self.calls and self.calls <= len(self.changes):
            change = self.changes[self.calls - 1]
            if change is not None:
                change(self.rows)
        self.calls += 1
        self.ever |= set(self.rows)
        self.always &= set(self.rows)
        number = int((params or {}).get("page", 1))
        start = (number - 1) * self.size
        body: dict[str, Any] = {"things": things(*self.rows[start : start + self.size])}
        total = len(self.rows)
        last = max(1, -(-total // self.size))
        if self.shape in ("normal", "links only"):
            body["links"] = {}
            if start + self.size < total:
                body["links"] = {"pages": {"next": f"{API}/v2/things?page={number + 1}"}}
        if self.shape == "normal":
            body["meta"] = {"total": total}
        if self.shape == "insights":
            body |= {"total_items": total, "total_pages": last, "current_page": number}
        if self.shape == "gen-ai":
            body["meta"] = {"page": number, "pages": last, "total": total}
        if self.shape == "total":
            body["total"] = total
        return body


SHAPES = st.sampled_from(["normal", "insights", "gen-ai", "total", "links only", "bare"])
ROWS = st.lists(st.integers(0, 50), unique=True, max_size=25)


@given(ROWS, SHAPES, st.integers(1, 7))
def test_a_list_that_stands_still_is_complete(rows: list[int], shape: str, size: int) -> None:
    listing = read(Fake(list(rows), [], shape, size), per_page=size)
    assert listing.complete
    assert ids(listing) == rows
    assert listing.total == (None if shape in ("links only", "bare") else len(rows))


def insert(at: int, one: int) -> Callable[[list[int]], None]:
    return lambda rows: None if one in rows else rows.insert(at % (len(rows) + 1), one)


def delete(at: int) -> Callable[[list[int]], None]:
    return lambda rows: rows.pop(at % len(rows)) and None if rows else None


INSERTS = st.lists(st.none() | st.builds(insert, st.integers(0, 99), st.integers(51, 99)))
DELETES = st.lists(st.none() | st.builds(delete, st.integers(0, 99)))


@given(ROWS, st.sampled_from(["normal", "insights", "gen-ai", "total"]), st.integers(1, 7),
       INSERTS | DELETES)  # fmt: skip
def test_a_list_that_moves_is_never_wrongly_complete(
    rows: list[int],
    shape: str,
    size: int,
    changes: list[Callable[[list[int]], None] | None],
) -> None:
    fake = Fake(list(rows), changes, shape, size)
    listing = read(fake, per_page=size)
    assert set(ids(listing)) <= fake.ever
    assert len(set(ids(listing))) == len(listing.items)
    if listing.complete:
        # All that was there the whole time was seen, so that striking the rest is right.
        assert fake.always <= set(ids(listing))
        assert len(listing.items) == listing.total
    else:
        assert listing.reason


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "x", TWO, "?page=2"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["things", "links", "pages", "next", "meta", "total", "id", "total_pages"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.sampled_from(["things", "links", "meta", "total"]), JSON)))
def test_any_json_gives_a_listing_or_a_typed_error(bodies: list[dict[str, Any]]) -> None:
    class Played(Fake):
        def get(self, path: str, params: Any = None, *, scope: str | None = None) -> Any:
            self.calls += 1
            return bodies[self.calls - 1] if self.calls <= len(bodies) else {}

    try:
        listing = read(Played([], [], "", 1))
    except DigitalOceanError:
        return
    assert listing.complete == (listing.reason is None)
    if listing.complete and listing.total is not None:
        assert len(listing.items) == listing.total
