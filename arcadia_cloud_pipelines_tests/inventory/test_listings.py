"""Listings beside each other: together where they wait, each alone in what goes wrong."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from arcadia_cloud_pipelines.digitalocean import DigitalOcean, ServerError
from arcadia_cloud_pipelines.digitalocean.clients import Clients
from arcadia_cloud_pipelines.inventory.assets import ASSETS, LISTINGS
from arcadia_cloud_pipelines.inventory.listing import Supplements, list_kind, list_whole
from arcadia_cloud_pipelines.inventory.listings import Listings
from arcadia_cloud_pipelines.inventory.projects import sync_projects
from arcadia_cloud_pipelines.inventory.shared_lists import SharedLists
from arcadia_cloud_pipelines.inventory.sightings import sightings
from arcadia_cloud_pipelines.inventory.sync import Fetched, NotFetched, fetch_kind
from arcadia_cloud_pipelines.kinds import KIND_BY_NAME, KINDS, Kind
from arcadia_cloud_pipelines.settings import Purpose, SettingsError
from arcadia_cloud_pipelines.settings.secret import Secret
from arcadia_cloud_pipelines.simulator import RunningSimulator
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .helpers import Mirror, TestClients, client, rows, settings

FAST = tuple(KIND_BY_NAME[name] for name in ("vpc", "volume", "firewall", "domain"))


def meet(server: RunningSimulator, *paths: str) -> threading.Barrier:
    """Requests to these paths are answered when there is one to each; after 20 s they break."""
    barrier = threading.Barrier(len(paths))
    for path in paths:
        server.account.faults.add(path, "hook", call=lambda: barrier.wait(20) and None)
    return barrier


@pytest.fixture
def clients(server: RunningSimulator) -> Iterator[Clients]:
    made = Clients(settings(server.url, server.token))
    yield made
    made.close()


@pytest.fixture
def listings(clients: Clients) -> Iterator[Listings]:
    made = Listings(clients, threads=4)
    yield made
    made.close()


def paths(server: RunningSimulator) -> Counter[str]:
    return Counter(seen.path for seen in server.requests)


def test_kinds_wait_together(server: RunningSimulator, listings: Listings) -> None:
    barrier = meet(server, *(kind.endpoints[0].path for kind in FAST))
    listings.begin(FAST)
    for kind in FAST:
        fetched = listings.take(kind)
        assert isinstance(fetched, Fetched)
        assert fetched.listing.complete
        assert len(fetched.sightings) == len(server.account.ids(kind.name)) > 0
    assert not barrier.broken
    assert paths(server)["/v2/account"] == 1


def test_a_kind_is_listed_once_and_its_calls_are_its_own(
    server: RunningSimulator, listings: Listings
) -> None:
    listings.begin(KINDS)
    listings.begin(KINDS)
    fetched = [listings.take(kind) for kind in KINDS]
    assert sum(f.api_calls for f in fetched) == len(server.requests)
    assert paths(server)["/v2/volumes"] == 1
    assert isinstance(listings.take(KIND_BY_NAME["volume"]), Fetched)
    assert paths(server)["/v2/volumes"] == 2


def test_a_kind_that_nobody_announced_is_listed_when_it_is_taken(
    server: RunningSimulator, listings: Listings
) -> None:
    told: list[str] = []
    fetched = listings.take(KIND_BY_NAME["volume"], told.append)
    assert isinstance(fetched, Fetched)
    assert told
    assert set(paths(server)) == {"/v2/account", "/v2/volumes"}


def test_progress_is_told_to_whoever_waits(listings: Listings) -> None:
    told: list[str] = []
    listings.begin(FAST)
    listings.take(FAST[0], told.append)
    assert told
    assert all(text.startswith("vpcs: ") for text in told)


def test_one_failure_is_one_kinds(server: RunningSimulator) -> None:
    server.account.faults.add("/v2/volumes", 503, times=None)
    test_clients: Any = TestClients(server.url, server.token)
    listings = Listings(test_clients)
    listings.begin(FAST)
    taken = {kind.name: listings.take(kind) for kind in FAST}
    failed = taken.pop("volume")
    assert isinstance(failed, NotFetched)
    assert isinstance(failed.error, ServerError)
    assert failed.account is not None
    assert all(isinstance(fetched, Fetched) for fetched in taken.values())


def test_a_missing_token_is_told_when_the_kind_is_taken(server: RunningSimulator) -> None:
    listings = Listings(Clients(settings(server.url, None)))
    listings.begin(FAST)
    with pytest.raises(SettingsError, match="DO_API_TOKEN"):
        listings.take(FAST[0])


def test_what_was_not_begun_is_not_fetched_after_the_end(
    server: RunningSimulator, clients: Clients
) -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        arrived.set()
        go_on.wait(20)

    server.account.faults.add("/v2/vpcs", "hook", call=hold)
    listings = Listings(clients, threads=1)
    listings.begin(FAST)
    assert arrived.wait(20)
    listings.close()
    go_on.set()
    assert isinstance(listings.take(FAST[0]), Fetched)
    (worker,) = [t for t in threading.enumerate() if t.name == "listings-0"] or [None]
    if worker is not None:
        worker.join(20)
    assert set(paths(server)) == {"/v2/account", "/v2/vpcs"}


def test_threads_share_a_budget_and_no_connection(clients: Clients) -> None:
    mine = clients.for_purpose(Purpose.CLOUD_SYNC_FAST)
    theirs: list[Any] = []
    thread = threading.Thread(
        target=lambda: theirs.append(clients.for_purpose(Purpose.CLOUD_SYNC_SLOW))
    )
    thread.start()
    thread.join()
    assert mine is clients.for_purpose(Purpose.CLOUD_SYNC_FULL)
    assert theirs[0] is not mine
    assert theirs[0]._transport is not mine._transport
    assert theirs[0]._budget is mine._budget


def run(
    warehouse: Warehouse, clients: Clients, selects: Callable[[Kind], bool], *others: str
) -> dg.ExecuteInProcessResult:
    bound = dg.Definitions(
        assets=ASSETS, executor=dg.in_process_executor,
        resources={"clients": clients, "warehouse": warehouse, **LISTINGS},
    )  # fmt: skip
    names = [kind.asset for kind in KINDS if selects(kind)] + list(others)
    with dg.DagsterInstance.ephemeral() as instance:
        return bound.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance, asset_selection=[dg.AssetKey(name) for name in names]
        )


def test_a_run_fetches_its_kinds_together_and_no_other(
    warehouse: Warehouse, server: RunningSimulator, clients: Clients
) -> None:
    barrier = meet(server, *(kind.endpoints[0].path for kind in FAST))
    assert run(warehouse, clients, lambda kind: kind in FAST).success
    assert not barrier.broken
    assert set(paths(server)) == {"/v2/account", *(k.endpoints[0].path for k in FAST)}
    for kind in FAST:
        assert rows(warehouse, kind.name)


def test_kinds_are_fetched_while_the_projects_are_read(
    warehouse: Warehouse, server: RunningSimulator, clients: Clients
) -> None:
    barrier = meet(server, "/v2/projects", "/v2/volumes")
    assert run(warehouse, clients, lambda kind: kind.name == "volume", "projects").success
    assert not barrier.broken


def test_parents_are_asked_together(server: RunningSimulator, listings: Listings) -> None:
    domains = server.account.ids("domain")
    assert len(domains) > 3
    barrier = meet(server, *(f"/v2/domains/{name}/records" for name in domains[:4]))
    listings.begin([KIND_BY_NAME["domain_record"]])
    fetched = listings.take(KIND_BY_NAME["domain_record"])
    assert isinstance(fetched, Fetched)
    assert not barrier.broken
    assert len(fetched.sightings) == len(server.account.ids("domain_record"))
    assert fetched.api_calls == len(server.requests)


def test_projects_are_asked_together(mirror: Mirror) -> None:
    for number in range(3):
        mirror.account.create("project", name=f"project-{number}")
    projects = mirror.account.ids("project")
    barrier = meet(mirror.server, *(f"/v2/projects/{uuid}/resources" for uuid in projects[:4]))
    result = sync_projects(
        mirror.warehouse, client(mirror.server.url, mirror.server.token), project_name="Default",
    )  # fmt: skip
    assert not barrier.broken
    assert result.sync.api_calls == len(mirror.server.requests)
    assert len(result.names) >= 4


def test_a_failure_of_all_parents_is_the_kinds(server: RunningSimulator) -> None:
    server.account.faults.add("/v2/domains/*/records", 500, times=None)
    fetched = fetch_kind(client(server.url, server.token), KIND_BY_NAME["domain_record"])
    assert isinstance(fetched, NotFetched)
    assert isinstance(fetched.error, ServerError)


def test_a_listing_without_a_sign_of_life_is_given_up(server: RunningSimulator) -> None:
    """What the client itself does not see: here it is never asked."""
    never = threading.Event()

    class Silent(Clients):
        def for_purpose(self, purpose: Purpose) -> DigitalOcean:
            never.wait()
            raise SettingsError("over")

    listings = Listings(Silent(settings(server.url, server.token)), silence=0.01)
    kind = KIND_BY_NAME["droplet"]
    listings.begin([kind])
    fetched = listings.take(kind)
    never.set()
    assert isinstance(fetched, NotFetched)
    assert str(fetched.error).startswith("GET /v2/droplets gave no sign of life for 0 s")


def test_what_is_there_is_handed_on_whoevers_turn_it_is(server: RunningSimulator) -> None:
    """While one kind hangs, the others are recorded."""
    handed: list[str] = []
    others = threading.Event()

    def then(fetched: Fetched | NotFetched) -> str:
        handed.append(fetched.kind.name)
        if len(handed) == 2:
            others.set()
        return fetched.kind.name

    server.account.faults.add("/v2/droplets", "hook", call=lambda: others.wait(20))
    listings = Listings(Clients(settings(server.url, server.token)))
    kinds = [KIND_BY_NAME[name] for name in ("droplet", "volume", "vpc")]
    listings.begin(kinds, then)
    assert listings.take(kinds[0], then=then) == "droplet"
    assert others.is_set()
    assert sorted(handed) == ["droplet", "volume", "vpc"]


def test_each_list_is_read_once_whoever_needs_it(
    server: RunningSimulator, listings: Listings
) -> None:
    """Children need the list of their parents, droplets those of clusters and backup policies."""
    listings.begin(KINDS)
    fetched = {kind.name: listings.take(kind) for kind in KINDS}
    asked = Counter((seen.path, seen.query) for seen in server.requests)
    assert {of: times for of, times in asked.items() if times > 1} == {}
    # What each found is what it finds alone.
    for kind in KINDS:
        alone = fetch_kind(client(server.url, server.token), kind)
        assert isinstance(alone, Fetched)
        of_run = fetched[kind.name]
        assert isinstance(of_run, Fetched), kind.name
        assert {s.provider_id: s.content_hash for s in of_run.sightings} == {
            s.provider_id: s.content_hash for s in alone.sightings
        }, kind.name


def test_sightings_made_while_reading_say_what_the_objects_say(server: RunningSimulator) -> None:
    asking = client(server.url, server.token)
    compact = set()
    for kind in KINDS:
        whole = list_kind(asking, kind)
        Supplements(asking, kind).complete(whole.items)
        fetched = fetch_kind(asking, kind)
        assert isinstance(fetched, Fetched)
        # Children of several parents come in the order in which those answer.
        in_order = sorted(sightings(kind, whole.items))
        assert sorted(fetched.sightings) == in_order, kind.name
        if list_whole(asking, kind, None).seen:
            compact.add(kind.name)
    assert {"droplet", "volume", "database"} <= compact
    assert not {"image", "domain_record"} & compact


def test_a_list_that_another_read_is_as_old_as_it_is(server: RunningSimulator) -> None:
    """What is older must not undo what a run beside this one saw since."""
    times = iter(range(100))
    clock: Callable[[], datetime] = lambda: datetime(2026, 1, 1, 0, next(times), tzinfo=UTC)  # noqa: E731
    domain, record = KIND_BY_NAME["domain"], KIND_BY_NAME["domain_record"]
    shared = SharedLists([domain, record], clock)
    asking = client(server.url, server.token)
    child = fetch_kind(asking, record, now=clock, lister=shared.whole)
    parent = fetch_kind(asking, domain, now=clock, lister=shared.whole)
    assert isinstance(child, Fetched)
    assert isinstance(parent, Fetched)
    assert child.started_at < parent.started_at or parent.listing.started_at is not None
    # Read in the child's turn, and dated so, though its own turn came later.
    assert parent.started_at == datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
    assert paths(server)["/v2/domains"] == 1


def test_a_list_that_fails_fails_for_all_who_need_it_and_is_asked_for_once(
    server: RunningSimulator,
) -> None:
    server.account.faults.add("/v2/domains", 400, times=None)
    test_clients: Any = TestClients(server.url, server.token)
    listings = Listings(test_clients)
    kinds = [KIND_BY_NAME[name] for name in ("domain", "domain_record", "volume")]
    listings.begin(kinds)
    taken = [listings.take(kind) for kind in kinds]
    assert [type(fetched) for fetched in taken] == [NotFetched, NotFetched, Fetched]
    assert paths(server)["/v2/domains"] == 1
    # A repetition of the step asks again.
    assert isinstance(listings.take(KIND_BY_NAME["domain"]), NotFetched)
    assert paths(server)["/v2/domains"] == 2


def test_who_waits_for_a_list_that_hangs_reads_it_itself(server: RunningSimulator) -> None:
    domain, record = KIND_BY_NAME["domain"], KIND_BY_NAME["domain_record"]
    shared = SharedLists([domain, record], lambda: datetime.now(UTC), patience=0.01)
    arrived, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        arrived.set()
        go_on.wait(20)

    server.account.faults.add("/v2/domains", "hook", call=hold)
    first = threading.Thread(target=lambda: shared.read(client(server.url, server.token), domain))
    first.start()
    assert arrived.wait(20)
    assert shared.read(client(server.url, server.token), domain).items
    go_on.set()
    first.join(20)


def test_tokens_do_not_share_what_they_may_see(server: RunningSimulator) -> None:
    """One of them may lack the scope, or be of another account."""
    own = replace(
        settings(server.url, server.token),
        tokens={
            purpose: Secret(server.token if purpose is not Purpose.CLOUD_SYNC_SLOW else "revoked")
            for purpose in Purpose
        },
    )  # fmt: skip
    listings = Listings(Clients(own))
    kinds = [KIND_BY_NAME[name] for name in ("database", "database_user")]
    listings.begin(kinds)
    taken = [listings.take(kind) for kind in kinds]
    assert [type(fetched) for fetched in taken] == [Fetched, NotFetched]


def test_what_nobody_needs_any_more_is_not_kept(server: RunningSimulator) -> None:
    domain, record = KIND_BY_NAME["domain"], KIND_BY_NAME["domain_record"]
    shared = SharedLists([domain, record], lambda: datetime.now(UTC))
    asking = client(server.url, server.token)
    shared.whole(asking, record, None)
    assert shared._shared["domain"].found is not None
    shared.whole(asking, domain, None)
    assert shared._shared["domain"].found is None
