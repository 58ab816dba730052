"""Reading a whole list, in every shape of paging the API has, and saying whether it is whole.

There is no snapshot between pages: what is created or deleted meanwhile shifts the rest, so that
rows come twice or not at all (digitalocean/api-v2#93, doctl#78). A listing is therefore believed
only when the distinct ids agree with the API's own total.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs

from .client import DigitalOcean
from .errors import BadAnswer, PagingError

PER_PAGE: Final = 200
"""The most the API gives; what it does above is not specified (API reference, Pagination)."""

MOST_PAGES: Final = 2000
"""Requests of one listing; 400,000 rows, far beyond any account's limits."""

LONGEST_TOKEN: Final = 4096
"""Letters of a token that still fit into an address."""

_MOST: Final = 2**31 - 1  # no account has as many of anything

Item = dict[str, Any]
OnPage = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Listing:
    """The content of a list.

    Attributes:
        items: one per identity, in the order first seen, as last read; of each what was kept.
        total: the API's own count, of the last page; None where it gives none.
        complete: every page was read, and the distinct ids agree with the total.
        reason: why it is not complete, a sentence for people; None when it is.
        api_calls: HTTP requests it took, retries included.
    """

    items: list[Item] = field(repr=False)
    total: int | None
    complete: bool
    reason: str | None
    api_calls: int


def identity_of(name: str) -> Callable[[Item], str]:
    """An identity for `read_listing`: the field `name`, a number or a text that is not empty."""

    def identity(item: Item) -> str:
        value = item[name]
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise TypeError(name)
        return str(value)

    return identity


def no_identity() -> Callable[[Item], str]:
    """An identity for lists whose items have none and may be equal: each gets its own number."""
    numbers = itertools.count()
    return lambda _item: str(next(numbers))


def read_listing(
    client: DigitalOcean,
    path: str,
    *,
    envelope: str,
    identity: Callable[[Item], str],
    params: Mapping[str, Any] | None = None,
    paged: bool = True,
    cursor: bool = False,
    per_page: int = PER_PAGE,
    on_page: OnPage | None = None,
    scope: str | None = None,
    keep: Callable[[Item], Any] | None = None,
) -> Listing:
    """Every item of a list.

    A list whose ids do not agree with its total, or that shows one twice, is read once more from
    the start. If that does not settle it, everything seen is returned as not complete.

    Links to the next page are not followed: `page` and `page_token` are taken from them and asked
    of the client's own base URL with the same parameters. The token so never goes elsewhere, a
    filter cannot get lost on the way, and a proxy under `DO_API_URL` that leaves DigitalOcean's own
    links in works.

    Args:
        client: the connection.
        path: from `/v2/`.
        envelope: the key that holds the items: a list, null, or an object keyed by id, whose keys
            are added to the items as `_key` where `identity` finds nothing in the item alone.
        identity: what tells items apart; raises KeyError and the like, or gives "", if missing.
        params: documented query parameters; others are silently ignored by the API.
        paged: False for the lists that take no `page` and `per_page`.
        cursor: True for the lists that take `page_size` and `page_token`, and name the token of the
            next page in `next_page_token`, as hosted agents do.
        per_page: 1 to 200.
        on_page: called after each page with the distinct items so far, and the API's total.
        scope: the token scope needed, for the message of a 403.
        keep: what to hold of an item until the list is read; the item when None. A page of 200
            objects takes 2 MB as Python has them.

    Raises:
        BadAnswer: no such envelope, or items none of which has an identity.
        PagingError: the link to the next page loops, skips, or never ends.
        DigitalOceanError: any call failed; nothing is returned of a list read in part.
    """
    if not 1 <= per_page <= PER_PAGE:
        raise ValueError(f"per_page must be 1 to {PER_PAGE}, not {per_page}")
    before = client.calls
    reader = _Reader(
        client, path, envelope, identity, params, paged, cursor, per_page, on_page, scope, keep
    )  # fmt: skip
    done, reason = reader.read(), None
    if done.doubt is not None:
        first, done = done, reader.read()
        if done.doubt is not None:
            reason = f"GET {path} read twice: {done.doubt}"
            done.items = first.items | done.items
    items = list(done.items.values())
    return Listing(items, done.total, reason is None, reason, client.calls - before)


@dataclass
class _Pass:
    """One reading from the first page to the last."""

    items: dict[str, Item] = field(default_factory=dict)
    totals: list[int] = field(default_factory=list)
    repeated: int = 0
    odd: list[str] = field(default_factory=list)
    """What is wrong with items that cannot be told apart; they are left out."""

    @property
    def total(self) -> int | None:
        return self.totals[-1] if self.totals else None

    @property
    def doubt(self) -> str | None:
        """Say why this reading does not prove itself complete."""
        seen = len(self.items)
        if self.odd:
            return f"{len(self.odd)} items were left out, such as {self.odd[0]}"
        # Between the first and the last as well: one more and one less cancel out otherwise.
        if len(set(self.totals)) > 1:
            least, most = min(self.totals), max(self.totals)
            return f"the API's total moved between {least} and {most} while it was read"
        if self.total is not None and self.total != seen:
            return f"{seen} distinct items, but the API counts {self.total}"
        if self.repeated:
            return f"{self.repeated} of {seen} items came more than once, so others may be missing"
        return None


@dataclass(frozen=True)
class _Reader:
    client: DigitalOcean
    path: str
    envelope: str
    identity: Callable[[Item], str]
    params: Mapping[str, Any] | None
    paged: bool
    cursor: bool
    per_page: int
    on_page: OnPage | None
    scope: str | None
    keep: Callable[[Item], Any] | None

    def read(self) -> _Pass:
        done = _Pass()
        page, token = 1, None
        asked: set[tuple[int, str | None]] = set()
        guessed = False
        while True:
            if (page, token) in asked:
                raise self._paging("links to a page that was already read")
            if len(asked) >= MOST_PAGES:
                raise self._paging(f"has more than {MOST_PAGES} pages")
            asked.add((page, token))
            query = self._query(page, token, further=len(asked) > 1)
            answer = self.client.get(self.path, query, scope=self.scope)

            total = self._total(answer)
            found, odd = self._items(answer, total)
            done.odd += odd
            if guessed and not any(key not in done.items for key, _ in found):
                break  # there was no such page: the API gave none, or the last one again
            for key, item in found:
                done.repeated += key in done.items
                done.items[key] = item if self.keep is None else self.keep(item)
            if total is not None:
                done.totals.append(total)
            if self.on_page is not None:
                self.on_page(len(done.items), total)

            link = self._link(answer)
            following = self._cursor(answer)
            guessed = link is None and following is None
            if following is not None:
                token = following
            elif link is not None:
                page, token = self._follow(link, page)
            elif self._more(answer, page, len(found) + len(odd), len(done.items), total):
                page, token = page + 1, None
            else:
                break
        return done

    def _query(self, page: int, token: str | None, *, further: bool) -> dict[str, Any]:
        """Return the parameters that ask for one page."""
        query = dict(self.params or {})
        if self.cursor:
            query["page_size"] = self.per_page
        elif self.paged or further:
            query |= {"page": page, "per_page": self.per_page}
        return query if token is None else query | {"page_token": token}

    # -- one page -----------------------------------------------------------------------------

    def _total(self, answer: Item) -> int | None:
        """Return the API's count of all items, from wherever this list has it.

        `meta.total` of most, `pagination.total` of the action gateway, `total_items` of insights,
        `total` of vector databases.
        """
        places = (
            (answer.get("meta"), "total"), (answer.get("pagination"), "total"),
            (answer, "total_items"), (answer, "total"),
        )  # fmt: skip
        for place, name in places:
            value = place.get(name) if isinstance(place, dict) else None
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
                raise self._bad(f"has a total in {name!r} that is not a count")
            return value
        return None

    def _items(self, answer: Item, total: int | None) -> tuple[list[tuple[str, Item]], list[str]]:
        """Return the items that have an identity, and what is wrong with the others.

        Raises:
            BadAnswer: none has; this is no list of what was asked for.
        """
        if self.envelope not in answer and total != 0:
            raise self._bad(f"has no {self.envelope!r}")
        held = answer.get(self.envelope)
        if held is None:
            return [], []
        if isinstance(held, list):
            read = [self._item(index, item) for index, item in enumerate(held)]
        elif isinstance(held, dict):
            # Counted in messages: a key is the API's, and could be anything.
            read = [self._item(n, item, key) for n, (key, item) in enumerate(held.items())]
        else:
            raise self._bad(f"has {self.envelope!r}, but it is neither a list nor an object")
        odd = [item for item in read if isinstance(item, str)]
        if odd and len(odd) == len(read):
            raise self._bad(f"has {odd[0]}")
        return [item for item in read if not isinstance(item, str)], odd

    def _item(self, index: int, item: object, key: str | None = None) -> tuple[str, Item] | str:
        """Return an item with its identity, or what is wrong with it."""
        if not isinstance(item, dict):
            return f"an item {self.envelope}[{index}] that is not an object"
        known = self._identify(item)
        if known is None and key is not None:
            item = {**item, "_key": key}
            known = self._identify(item)
        if known is None:
            return f"an item {self.envelope}[{index}] without an identity"
        return known, item

    def _identify(self, item: Item) -> str | None:
        try:
            return self.identity(item) or None
        except (LookupError, TypeError, ValueError, AttributeError):
            return None

    # -- the next page ------------------------------------------------------------------------

    def _cursor(self, answer: Item) -> str | None:
        """Return the token of the next page, of a list that is read by tokens."""
        token = answer.get("next_page_token") if self.cursor else None
        if token is not None and not (isinstance(token, str) and len(token) <= LONGEST_TOKEN):
            raise self._paging("has a token of the next page that is not a short text")
        return token or None

    def _link(self, answer: Item) -> str | None:
        """The link to the next page: `links.pages.next`, or the flat `links.next` of alerts."""
        links = answer.get("links")
        if not isinstance(links, dict):
            return None
        pages = links.get("pages")
        link = (pages.get("next") if isinstance(pages, dict) else None) or links.get("next")
        if link is not None and not isinstance(link, str):
            raise self._paging("has a link to the next page that is not text")
        return link or None

    def _follow(self, link: str, current: int) -> tuple[int, str | None]:
        # Its host is never looked at: proxies and gateways leave all kinds of them in links.
        try:
            asked = link.partition("#")[0].partition("?")[2]
            query = parse_qs(asked, max_num_fields=100)
        except ValueError:
            raise self._paging("has a link to the next page that cannot be parsed") from None
        token = query.get("page_token", [None])[0]
        number = query.get("page", [None])[0]
        if number is None and token is None:
            raise self._paging("links to a next page without a number")
        if number is None:
            return current, token
        if not (number.isascii() and number.isdigit() and len(number) <= 9):
            raise self._paging("links to a next page that has no valid number")
        page = int(number)
        if token is None and page > current + 1:
            # Without a total nothing else would show that pages were left out.
            raise self._paging(f"links from page {current} to page {page}")
        return page, token

    def _more(self, answer: Item, page: int, found: int, seen: int, total: int | None) -> bool:
        """Say if one more page is to be asked for although there is no link to it."""
        if not self.paged or self.cursor or not found:
            return False
        meta = answer.get("meta")
        # gen-ai counts pages in meta, insights beside the items; neither need have links.
        for place, count in ((meta, "pages"), (answer, "total_pages")):
            pages = place.get(count) if isinstance(place, dict) else None
            if isinstance(pages, int) and pages > page:
                return True
        if total is not None:
            return seen < total
        return answer.get("links") is None and found >= self.per_page

    def _bad(self, problem: str) -> BadAnswer:
        return BadAnswer(f"GET {self.path}", f"answered 200, but it {problem}", status=200)

    def _paging(self, problem: str) -> PagingError:
        return PagingError(f"GET {self.path}", problem, status=200)
