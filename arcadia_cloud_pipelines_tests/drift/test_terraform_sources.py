"""Several Terraform states: what they say together, and which of them may take something back."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from arcadia_cloud_pipelines.drift import terraform_files
from arcadia_cloud_pipelines.drift.checks import terraform_sources
from arcadia_cloud_pipelines.drift.errors import SpecError
from arcadia_cloud_pipelines.drift.terraform import (
    TerraformError,
    TerraformSpecs,
    parse_state,
    record_states,
)
from arcadia_cloud_pipelines.drift.terraform_decisions import (
    confirm_withdrawal,
    list_sources,
    reset_serial,
)
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query
from .helpers import at, change, desire, execute, inbox, listed, project, resource, swept
from .test_terraform import FIREWALL, item, state, written

SHOP = "4e1bfbc3-dc3e-41f2-a18f-1b4d7ba71679"


def droplets(*numbers: int, **more: Any) -> dict[str, Any]:
    """Droplets of a state."""
    return item("digitalocean_droplet", *(droplet(n) | more for n in numbers))


def droplet(number: int) -> dict[str, Any]:
    """One droplet of a state."""
    return {"id": str(number), "name": f"droplet-{number}", "region": "fra1", "tags": []}


def account(warehouse: Warehouse, count: int = 14) -> list[int]:
    """The same droplets in the inventory."""
    listed(warehouse)
    return [resource(warehouse, n) for n in range(count)]


def described(warehouse: Warehouse) -> int:
    """How many specs there are."""
    return int(query(warehouse, "SELECT count(*) AS n FROM cloud_provisioned")[0]["n"])


def read(warehouse: Warehouse, *paths: str, configured: bool = True) -> TerraformSpecs:
    """Read all configured states."""
    return record_states(warehouse, paths, configured=configured, now=lambda: at(0))


# --- a state that says less ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "held"),
    [
        pytest.param([], True, id="nothing at all"),
        pytest.param([0, 1, 2, 3, 4], True, id="less than half"),
        pytest.param(range(6), True, id="just less than half"),
        pytest.param(range(7), False, id="half"),
        pytest.param(range(13), False, id="all but one"),
    ],
)
def test_an_implausible_withdrawal_waits(
    warehouse: Warehouse, tmp_path: Path, left: Any, held: bool
) -> None:
    rows = account(warehouse)
    change(warehouse, rows[13], region="ams3")
    read(warehouse, written(tmp_path, "a.tfstate", state(droplets(*range(14)))))
    swept(warehouse, 0.1)
    less = state(*([droplets(*left)] if left else []), serial=2)
    result = read(warehouse, written(tmp_path, "a.tfstate", less))
    assert described(warehouse) == (14 if held else len(left))
    assert [p.status for p in result.problems] == ["held"] * held
    checked = terraform_sources(warehouse)
    assert checked.passed is not held
    swept(warehouse, 0.2)
    assert len(inbox(warehouse)) == (1 if held else 0)
    if held:
        assert "confirm-withdrawal terraform/l-1" in str(checked.description)
        # Whoever looks again finds the same; nothing is taken for said in the meantime.
        assert [p.status for p in read(warehouse, str(tmp_path / "a.tfstate")).problems] == ["held"]
        gone = confirm_withdrawal(warehouse, "terraform/l-1", actor="ann", reason="moved")
        assert gone == 14 - len(left)
        assert described(warehouse) == len(left)
        assert terraform_sources(warehouse).passed
        history = query(warehouse, "SELECT * FROM cloud_provisioned_history ORDER BY id DESC")
        assert (history[0]["actor"], history[0]["reason"]) == ("ann", "moved")
        with pytest.raises(SpecError, match="waits for confirmation"):
            confirm_withdrawal(warehouse, "terraform/l-1", actor="ann", reason=None)


def test_what_is_gone_in_the_account_too_may_leave(warehouse: Warehouse, tmp_path: Path) -> None:
    rows = account(warehouse)
    read(warehouse, written(tmp_path, "a.tfstate", state(droplets(*range(14)))))
    empty = written(tmp_path, "a.tfstate", state(serial=2))
    assert read(warehouse, empty).problems != ()
    for row in rows:
        change(warehouse, row, deleted_at=at(0))
    assert read(warehouse, empty).problems == ()
    assert described(warehouse) == 0


def test_a_withdrawal_that_was_a_mistake_is_forgotten(warehouse: Warehouse, tmp_path: Path) -> None:
    account(warehouse)
    read(warehouse, written(tmp_path, "a.tfstate", state(droplets(*range(14)))))
    read(warehouse, written(tmp_path, "a.tfstate", state(serial=2)))
    back = state(droplets(*range(14)), serial=3)
    assert read(warehouse, written(tmp_path, "a.tfstate", back)).problems == ()
    assert terraform_sources(warehouse).passed
    assert described(warehouse) == 14


def test_resources_without_their_attributes_are_a_withdrawal(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    account(warehouse)
    read(warehouse, written(tmp_path, "a.tfstate", state(droplets(*range(14)))))
    bare = item("digitalocean_droplet", *({"id": str(n)} for n in range(14)))
    result = read(warehouse, written(tmp_path, "a.tfstate", state(bare, serial=2)))
    assert [p.status for p in result.problems] == ["held"]
    specs = query(warehouse, "SELECT spec FROM cloud_provisioned")
    assert all(s["spec"]["region"] == "fra1" for s in specs)


def test_new_things_are_recorded_while_a_withdrawal_waits(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    rows = account(warehouse, 15)
    read(warehouse, written(tmp_path, "a.tfstate", state(droplets(*range(14)))))
    new = state(droplets(0, region="ams3"), droplets(14), serial=2)
    read(warehouse, written(tmp_path, "a.tfstate", new))
    assert described(warehouse) == 15
    specs = {
        s["resource_id"]: s["spec"] for s in query(warehouse, "SELECT * FROM cloud_provisioned")
    }
    assert specs[rows[0]]["region"] == "ams3"


BROKEN: list[Any] = [
    None, 7, [], "x", {}, {"attributes": None}, {"attributes": []},
    {"attributes_flat": {"id": "0"}},
    {"attributes": {"id": ""}}, {"attributes": {"id": None}}, {"attributes": {"name": "x"}},
    {"attributes": {"id": {"a": 1}}}, {"attributes": {"id": True}}, {"attributes": {"id": 1.5}},
    {"attributes": {"id": "0", "tags": "web"}}, {"attributes": {"id": "0", "tags": [["x"]]}},
    {"attributes": {"id": "0", "tags": {"a": "b"}}},
    {"attributes": {"id": "0", "region": {"s": 1}}},
    {"attributes": {"id": "0", "name": ["x"]}}, {"attributes": {"id": "0", "name": "a\0b"}},
]  # fmt: skip


@pytest.mark.parametrize("instance", BROKEN)
def test_an_instance_that_cannot_be_read_is_an_error_and_no_withdrawal(
    warehouse: Warehouse, tmp_path: Path, instance: Any
) -> None:
    account(warehouse, 3)
    read(warehouse, written(tmp_path, "a.tfstate", state(droplets(0, 1, 2))))
    broken = droplets(1, 2)
    broken["instances"].append(instance)
    path = written(tmp_path, "a.tfstate", state(broken, serial=2))
    with pytest.raises(TerraformError, match=r"a\.tfstate.*digitalocean_droplet\.this\[2\]"):
        read(warehouse, path)
    assert described(warehouse) == 3
    [row] = list_sources(warehouse)
    assert (row["status"], row["serial"]) == ("unreadable", 1)
    assert not terraform_sources(warehouse).passed


# --- serial, lineage, configuration -------------------------------------------------------------


def test_an_older_serial_says_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    account(warehouse, 2)
    read(warehouse, written(tmp_path, "a.tfstate", state(droplets(0, 1), serial=40)))
    old = written(tmp_path, "a.tfstate", state(droplets(0, region="ams3"), serial=7))
    with pytest.raises(TerraformError, match="serial 7, but serial 40"):
        read(warehouse, old)
    assert described(warehouse) == 2
    assert [row["status"] for row in list_sources(warehouse)] == ["older"]
    reset_serial(warehouse, "terraform/l-1")
    assert read(warehouse, old).withdrawn == 1
    with pytest.raises(SpecError, match="no Terraform state terraform/x"):
        reset_serial(warehouse, "terraform/x")


def test_of_two_copies_the_newer_one_speaks(warehouse: Warehouse, tmp_path: Path) -> None:
    account(warehouse, 2)
    old = written(tmp_path, "a.tfstate", state(droplets(0, region="ams3"), serial=7))
    new = written(tmp_path, "b.tfstate", state(droplets(0), serial=40))
    result = read(warehouse, old, new)
    assert [s.path for s in result.files] == [new]
    [problem] = result.problems
    assert (problem.path, problem.status) == (old, "copy")
    assert "older copy (serial 7)" in problem.text
    # The same whatever came first, and told once.
    assert [p.path for p in read(warehouse, new, old).problems] == [old]
    assert [r["status"] for r in list_sources(warehouse)] == ["copy", "ok"]
    read(warehouse, new)
    assert [r["status"] for r in list_sources(warehouse)] == ["ok"]


def test_a_path_taken_out_of_the_configuration_is_named_and_retired_on_a_word(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    account(warehouse, 2)
    one = written(tmp_path, "1.tfstate", state(droplets(0)))
    two = written(tmp_path, "2.tfstate", state(droplets(1), lineage="l-2"))
    read(warehouse, one, two)
    [problem] = read(warehouse, one).problems
    assert (problem.source, problem.status) == ("terraform/l-2", "orphaned")
    assert "confirm-withdrawal terraform/l-2" in problem.text
    assert not terraform_sources(warehouse).passed
    assert described(warehouse) == 2
    assert confirm_withdrawal(warehouse, "terraform/l-2", actor="ann", reason=None) == 1
    assert described(warehouse) == 1
    assert read(warehouse, one).problems == ()
    # All of them: the empty configuration is one, too.
    assert [p.status for p in read(warehouse).problems] == ["orphaned"]
    # Named again, it is well again.
    read(warehouse, one)
    assert terraform_sources(warehouse).passed


def test_a_file_with_another_lineage_orphans_the_old_one(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    account(warehouse, 2)
    read(warehouse, written(tmp_path, "a.tfstate", state(droplets(0, 1))))
    path = written(tmp_path, "a.tfstate", state(droplets(0), lineage="l-2"))
    [problem] = read(warehouse, path).problems
    assert problem.source == "terraform/l-1"
    assert "another state now (lineage l-2)" in problem.text
    assert described(warehouse) == 2
    confirm_withdrawal(warehouse, "terraform/l-1", actor="ann", reason=None)
    assert described(warehouse) == 1


def test_a_file_that_cannot_be_read_is_not_missing(warehouse: Warehouse, tmp_path: Path) -> None:
    account(warehouse, 2)
    one = written(tmp_path, "1.tfstate", state(droplets(0)))
    two = written(tmp_path, "2.tfstate", state(droplets(1), lineage="l-2"))
    read(warehouse, one, two)
    written(tmp_path, "2.tfstate", "{")
    assert [p.status for p in read(warehouse, one, two).problems] == ["unreadable"]
    statuses = {row["source"]: row["status"] for row in list_sources(warehouse)}
    assert statuses == {"terraform/l-1": "ok", "terraform/l-2": "unreadable"}


def test_reading_by_hand_orphans_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    account(warehouse, 2)
    one = written(tmp_path, "1.tfstate", state(droplets(0)))
    two = written(tmp_path, "2.tfstate", state(droplets(1), lineage="l-2"))
    read(warehouse, one)
    assert read(warehouse, two, configured=False).problems == ()
    assert read(warehouse, one).problems == ()
    assert terraform_sources(warehouse).passed


def test_a_state_may_move(warehouse: Warehouse, tmp_path: Path) -> None:
    account(warehouse, 2)
    read(warehouse, written(tmp_path, "a.tfstate", state(droplets(0, 1))))
    moved = written(tmp_path, "b.tfstate", state(droplets(0), serial=2))
    result = read(warehouse, moved)
    assert (result.problems, result.withdrawn) == ((), 1)
    assert [row["path"] for row in list_sources(warehouse)] == [moved]


def test_workspaces_of_one_lineage_are_no_copies(warehouse: Warehouse, tmp_path: Path) -> None:
    account(warehouse, 3)
    one = written(tmp_path, "1.tfstate", state(droplets(0)))
    two = written(tmp_path, "2.tfstate", state(droplets(1), serial=9))
    for paths in ([one, two], [two, one], [two], [one]):
        result = read(warehouse, *paths, configured=False)
        assert (result.problems, result.withdrawn) == ((), 0)
        assert described(warehouse) == 2
    written(tmp_path, "2.tfstate", state(droplets(1, 2), serial=10))
    assert read(warehouse, one, two).changed == 1
    assert len(list_sources(warehouse)) == 2


def test_sources_of_an_earlier_release_are_known(warehouse: Warehouse, tmp_path: Path) -> None:
    account(warehouse)
    path = written(tmp_path, "a.tfstate", state(droplets(*range(14))))
    read(warehouse, path)
    execute(
        warehouse,
        "UPDATE cloud_provisioned_sources SET path = '', serial = NULL, contents = NULL",
    )
    result = read(warehouse, written(tmp_path, "a.tfstate", state(serial=2)))
    assert [p.status for p in result.problems] == ["held"]
    assert described(warehouse) == 14


# --- together -----------------------------------------------------------------------------------

CLUSTER = {"id": "k-1", "name": "k", "region": "fra1", "node_pool": [{"name": "a", "size": "s",
           "node_count": 1}]}  # fmt: skip
POOL = {"cluster_id": "k-1", "name": "b", "size": "s", "node_count": 2}


def cluster(warehouse: Warehouse, *pools: str) -> int:
    """A cluster in the inventory; pools b and c have two nodes."""
    listed(warehouse, "kubernetes_cluster")
    shown = [{"name": p, "size": "s", "count": 1 if p == "a" else 2} for p in pools]
    return resource(warehouse, "k-1", kind="kubernetes_cluster", name="k", node_pools=shown)


def test_node_pools_of_another_state_belong_to_their_cluster(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    row = cluster(warehouse, "a", "b")
    one = written(tmp_path, "1.tfstate", state(item("digitalocean_kubernetes_cluster", CLUSTER)))
    two = written(
        tmp_path, "2.tfstate", state(item("digitalocean_kubernetes_node_pool", POOL), lineage="l-2")
    )
    # In any order, and each by itself.
    for paths in ([two], [one], [one, two], [two, one], [two], [one]):
        read(warehouse, *paths, configured=False)
    assert swept(warehouse, 0.1).open_after == 0, inbox(warehouse)
    change(warehouse, row, node_pools=[{"name": "a", "size": "s", "count": 1}])
    swept(warehouse, 0.2)
    assert [r[1] for r in inbox(warehouse)] == ["node_pools"]
    # A further pool there changes what is desired here.
    further = [{"name": p, "size": "s", "count": 2} for p in "bc"]
    change(warehouse, row, node_pools=[{"name": "a", "size": "s", "count": 1}, *further])
    more = item("digitalocean_kubernetes_node_pool", POOL, POOL | {"name": "c"})
    read(warehouse, written(tmp_path, "2.tfstate", state(more, lineage="l-2", serial=2)))
    assert swept(warehouse, 0.3).open_after == 0, inbox(warehouse)


def test_a_state_that_cannot_be_read_takes_no_pools_away(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    cluster(warehouse, "a", "b")
    one = written(tmp_path, "1.tfstate", state(item("digitalocean_kubernetes_cluster", CLUSTER)))
    two = written(
        tmp_path, "2.tfstate", state(item("digitalocean_kubernetes_node_pool", POOL), lineage="l-2")
    )
    read(warehouse, one, two)
    written(tmp_path, "2.tfstate", "")
    read(warehouse, one, two)
    written(tmp_path, "2.tfstate", state(lineage="l-2", serial=2))
    read(warehouse, one, two)
    assert swept(warehouse).open_after == 0, inbox(warehouse)


def test_who_manages_just_that_knows_best(warehouse: Warehouse, tmp_path: Path) -> None:
    """Membership, assignments and attachments, each in a state of its own."""
    shop = project(warehouse, SHOP, "shop")
    for kind in ("database", "reserved_ip", "volume"):
        listed(warehouse, kind)
    resource(warehouse, "d-1", kind="database", name="db", project_id=shop)
    resource(warehouse, "1.2.3.4", kind="reserved_ip", name="1.2.3.4", droplet={"id": 7})
    volume = resource(warehouse, "v-1", kind="volume", name="data", droplet_ids=[7])
    parts = written(tmp_path, "1.tfstate", state(
        item("digitalocean_project_resources", {"project": SHOP, "resources": ["do:dbaas:d-1"]}),
        item("digitalocean_reserved_ip_assignment", {"ip_address": "1.2.3.4", "droplet_id": 7}),
        item("digitalocean_volume_attachment", {"volume_id": "v-1", "droplet_id": 7}),
    ))  # fmt: skip
    wholes = written(tmp_path, "2.tfstate", state(
        item("digitalocean_database_cluster", {"id": "d-1", "name": "db", "project_id": "default"}),
        item("digitalocean_reserved_ip", {"id": "1.2.3.4", "ip_address": "1.2.3.4",
                                          "region": "fra1", "droplet_id": None}),
        item("digitalocean_volume", {"id": "v-1", "name": "data", "region": "fra1", "tags": []}),
        lineage="l-2",
    ))  # fmt: skip
    for n, paths in enumerate(([parts, wholes], [wholes], [parts], [wholes, parts])):
        read(warehouse, *paths, configured=False)
        assert swept(warehouse, 0.1 + n / 100).open_after == 0, inbox(warehouse)
    change(warehouse, volume, droplet_ids=[8])
    swept(warehouse, 0.3)
    assert [row[1:] for row in inbox(warehouse)] == [("droplet_ids", [7], [8])]


# --- whatever lies at a path --------------------------------------------------------------------


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_encodings(encoding: str) -> None:
    text = json.dumps(state(droplets(0)), ensure_ascii=False).encode(encoding)
    assert list(parse_state(text, "x").specs) == [("droplet", "0")]


def deep(levels: int) -> str:
    """A state with an attribute that is so deep."""
    text = json.dumps(state(droplets(0, labels=0)))
    return text.replace('"labels": 0', '"labels": ' + "[" * levels + "]" * levels)


def with_rules(rules: Any) -> dict[str, Any]:
    """A state with such inbound rules."""
    return state(item("digitalocean_firewall", FIREWALL | {"inbound_rule": rules}))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (state() | {"resources": 5}, "not a list of resources"),
        (state() | {"resources": {}}, "not a list of resources"),
        (with_rules([1]), r"\.this cannot be read, because inbound_rule\[0\] is not a block"),
        (with_rules({"protocol": "tcp"}), "inbound_rule is not a list"),
        (with_rules([{"protocol": {"a": 1}}]), "protocol is not a single value"),
        (with_rules([{"protocol": "tcp", "source_addresses": "x"}]), "source_addresses is not"),
        (state(droplets(0)) | {"lineage": "a\0b"}, "lineage"),
        (state(droplets(0)) | {"lineage": "x" * 300}, "lineage"),
        (state(droplets(0)) | {"lineage": 7}, "lineage"),
        (state(droplets(0)) | {"serial": "7"}, "serial"),
        (state(droplets(0)) | {"serial": True}, "serial"),
        (state(droplets(0)) | {"serial": -1}, "serial"),
        (state(droplets(0)) | {"serial": 2**63}, "serial"),
        (state(droplets(0)) | {"serial": 10**30}, "serial"),
        (state(droplets(0)) | {"version": "4"}, "no version"),
        (state(droplets(0)) | {"version": 4.0}, "no version"),
        (state(item("digitalocean_vpc", {"id": "1"}, mode="what")), "mode of resource 0"),
        (state(item("digitalocean_kubernetes_cluster", {"id": "1", "node_pool": [7]})),
         r"node_pool\[0\]"),
        (state(item("digitalocean_kubernetes_node_pool", {"name": "x"})), "cluster_id is empty"),
        (state(item("digitalocean_kubernetes_node_pool", {"cluster_id": "x", "labels": [1]})),
         "labels is not a map"),
        (state(item("digitalocean_project", {"id": "1", "resources": 5})), "resources is not"),
        (state(item("digitalocean_project", {"resources": ["do:droplet:1"]})), "id is empty"),
        (deep(900), None),
        (deep(100_000), "not valid JSON|nested too deeply"),
        ("[" * 1_000_000, "not valid JSON|nested too deeply"),
        ('{"version": 4, "lineage": "\\ud800", "serial": 1, '
            '"resources": []}', "not valid JSON|not text in UTF-8"),
        ('{"version": 4, "lineage": "x", "serial": NaN, '
            '"resources": []}', "not valid JSON|not text in UTF-8"),
        ('{"version": 4, "lineage": "x", "serial": 1e400, '
            '"resources": []}', "not valid JSON|not text in UTF-8"),
        ('{"version": 4, "lineage": "x", "serial": 1, "resources": [], "resources": []}',
         "'resources' comes twice"),
        ({"serial": 1, "lineage": "x", "meta": {}, "encrypted_data": "a", "encryption_version":
          "v0"}, "is encrypted: write it decrypted, with `tofu state pull`"),
        ({"format_version": "1.0", "values": {}}, "terraform show -json"),
        (b"\x1f\x8b\x08\x00\xff", "not valid JSON|not text in UTF-8"),
        (b"\xff\xfe\x00", "not valid JSON|not text in UTF-8"),
        (b"\xff\xfe\x00\x00\x00", "not valid JSON|not text in UTF-8"),
        (b"\0", "not valid JSON|not text in UTF-8"),
        (b"\xc3\x28", "not valid JSON|not text in UTF-8"),
    ],
)  # fmt: skip
def test_odd_contents_end_in_one_sentence(
    warehouse: Warehouse, tmp_path: Path, content: Any, reason: str | None
) -> None:
    path = tmp_path / "odd.tfstate"
    path.write_bytes(
        content if isinstance(content, bytes)
        else (content if isinstance(content, str) else json.dumps(content)).encode()
    )  # fmt: skip
    account(warehouse, 1)
    good = written(tmp_path, "good.tfstate", state(droplets(0), lineage="good"))
    result = read(warehouse, good, str(path))
    assert described(warehouse) == 1
    if reason is not None:
        [problem] = result.problems
        assert problem.text.startswith(str(path))
        with pytest.raises(TerraformError, match=reason):
            read(warehouse, str(path), configured=False)


def test_odd_files_end_in_one_sentence(warehouse: Warehouse, tmp_path: Path) -> None:
    account(warehouse, 1)
    good = written(tmp_path, "good.tfstate", state(droplets(0)))
    pipe, folder, closed = (tmp_path / name for name in ("pipe", "folder", "closed"))
    os.mkfifo(pipe)
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        (tmp_path / "loop").symlink_to(tmp_path / "loop")
        (tmp_path / "again").symlink_to(tmp_path / "good.tfstate")
        names = {
            str(pipe): "named pipe", str(folder): "Is a directory", "/dev/zero": "device",
            str(tmp_path / "socket"): "socket", str(tmp_path / "loop"): "cannot be read",
            "a\0b": "a\ufffdb", "": "Is a directory", str(closed): "no Terraform state",
            str(tmp_path / "**x"): "cannot be looked up", "~nobody-here/x": "cannot be looked up",
        }  # fmt: skip
        result = read(warehouse, good, str(tmp_path / "again"), *names)
    assert (result.recorded, len(result.problems)) == (1, len(names))
    said = {problem.path: problem.text for problem in result.problems}
    for path, reason in names.items():
        assert reason in said[path.replace("\0", "\ufffd") or "."], path


def test_a_file_larger_than_any_state_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terraform_files, "MAX_BYTES", 2**20)
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(2**20 + 1)
    with pytest.raises(TerraformError, match="larger than 1 MiB"):
        terraform_files.read_file(str(path))


def test_what_no_terraform_state_says_is_left_alone(warehouse: Warehouse, tmp_path: Path) -> None:
    rows = account(warehouse, 2)
    desire(warehouse, rows[1], region="fra1")
    read(warehouse, written(tmp_path, "a.tfstate", state(droplets(0))))
    read(warehouse)
    confirm_withdrawal(warehouse, "terraform/l-1", actor="ann", reason=None)
    assert [s["resource_id"] for s in query(warehouse, "SELECT * FROM cloud_provisioned")] == [
        rows[1]
    ]
