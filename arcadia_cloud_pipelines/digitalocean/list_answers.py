"""What one answer of a list says: its items, the API's total, and where the next page is."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

from .errors import BadAnswer, PagingError

LONGEST_TOKEN: Final = 4096
"""Letters of a token that still fit into an address."""

_MOST: Final = 2**31 - 1  # no account has as many of anything

Item = dict[str, Any]


@dataclass(frozen=True)
class ListAnswers:
    """Reads the answers of one list, in every shape of paging that the API has."""

    path: str
    envelope: str
    identity: Callable[[Item], str]
    paged: bool
    cursor: bool
    per_page: int

    def query(
        self, params: Mapping[str, Any] | None, page: int, token: str | None, *, further: bool
    ) -> dict[str, Any]:
        """Return the parameters that ask for one page."""
        query = dict(params or {})
        if self.cursor:
            query["page_size"] = self.per_page
        elif self.paged or further:
            query |= {"page": page, "per_page": self.per_page}
        return query if token is None else query | {"page_token": token}

    def total(self, answer: Item) -> int | None:
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

    def items(self, answer: Item, total: int | None) -> tuple[list[tuple[str, Item]], list[str]]:
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

    def next_token(self, answer: Item) -> str | None:
        """Return the token of the next page, of a list that is read by tokens."""
        token = answer.get("next_page_token") if self.cursor else None
        if token is not None and not (isinstance(token, str) and len(token) <= LONGEST_TOKEN):
            raise self.out_of_order("has a token of the next page that is not a short text")
        return token or None

    def link(self, answer: Item) -> str | None:
        """The link to the next page: `links.pages.next`, or the flat `links.next` of alerts."""
        links = answer.get("links")
        if not isinstance(links, dict):
            return None
        pages = links.get("pages")
        link = (pages.get("next") if isinstance(pages, dict) else None) or links.get("next")
        if link is not None and not isinstance(link, str):
            raise self.out_of_order("has a link to the next page that is not text")
        return link or None

    def follow(self, link: str, current: int) -> tuple[int, str | None]:
        """Return the page and the token that a link names.

        Raises:
            PagingError: it names none, or leaves pages out.
        """
        # Its host is never looked at: proxies and gateways leave all kinds of them in links.
        try:
            asked = link.partition("#")[0].partition("?")[2]
            query = parse_qs(asked, max_num_fields=100)
        except ValueError:
            raise self.out_of_order("has a link to the next page that cannot be parsed") from None
        token = query.get("page_token", [None])[0]
        number = query.get("page", [None])[0]
        if number is None and token is None:
            raise self.out_of_order("links to a next page without a number")
        if number is None:
            return current, token
        if not (number.isascii() and number.isdigit() and len(number) <= 9):
            raise self.out_of_order("links to a next page that has no valid number")
        page = int(number)
        if token is None and page > current + 1:
            # Without a total nothing else would show that pages were left out.
            raise self.out_of_order(f"links from page {current} to page {page}")
        return page, token

    def has_more(self, answer: Item, page: int, found: int, seen: int, total: int | None) -> bool:
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

    def out_of_order(self, problem: str) -> PagingError:
        """Return the error of a list whose pages cannot be followed."""
        return PagingError(f"GET {self.path}", problem, status=200)


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
