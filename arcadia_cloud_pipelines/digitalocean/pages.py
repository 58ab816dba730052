"""Reading a whole list, in every shape of paging the API has, and saying whether it is whole.

There is no snapshot between pages: what is created or deleted meanwhile shifts the rest, so that
rows come twice or not at all (digitalocean/api-v2#93, doctl#78). A listing is therefore believed
only when the distinct ids agree with the API's own total.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from .client import DigitalOcean
from .list_answers import Item, ListAnswers

PER_PAGE: Final = 200
"""The most the API gives; what it does above is not specified (API reference, Pagination)."""

MOST_PAGES: Final = 2000
"""Requests of one listing; 400,000 rows, far beyond any account's limits."""

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
    answers = ListAnswers(path, envelope, identity, paged, cursor, per_page)
    reader = _Reader(client, answers, params, on_page, scope, keep)
    done, reason = reader.read(), None
    if done.doubt is not None:
        first, done = done, reader.read()
        if done.doubt is not None:
            reason = f"GET {path} read twice: {done.doubt}"
            # Where both readings have an item, the second is the newer one.
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
    answers: ListAnswers
    params: Mapping[str, Any] | None
    on_page: OnPage | None
    scope: str | None
    keep: Callable[[Item], Any] | None

    def read(self) -> _Pass:
        answers, done = self.answers, _Pass()
        page, token = 1, None
        asked: set[tuple[int, str | None]] = set()
        guessed = False
        while True:
            if (page, token) in asked:
                raise answers.out_of_order("links to a page that was already read")
            if len(asked) >= MOST_PAGES:
                raise answers.out_of_order(f"has more than {MOST_PAGES} pages")
            asked.add((page, token))
            query = answers.query(self.params, page, token, further=len(asked) > 1)
            answer = self.client.get(answers.path, query, scope=self.scope)

            total = answers.total(answer)
            found, odd = answers.items(answer, total)
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

            link = answers.link(answer)
            following = answers.next_token(answer)
            # Without a link the next page is asked for to see if there is one.
            guessed = link is None and following is None
            if following is not None:
                token = following
            elif link is not None:
                page, token = answers.follow(link, page)
            elif answers.has_more(answer, page, len(found) + len(odd), len(done.items), total):
                page, token = page + 1, None
            else:
                break
        return done
