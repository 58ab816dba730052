"""Files of rules that cannot be used: each is refused by a text that names file, rule and key."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from arcadia_cloud_pipelines.allocation.rule_file import AllocationRulesError, rules_from_json
from arcadia_cloud_pipelines.allocation.rules import parse_allocation_rules, read_allocation_rules

from ..marts.conftest import Account
from .conftest import Apply

A = 'rule = [{ name = "a", tenant = "x"'
TWO = '{ name = "a", tenant = "x" }, { name = "b"'
BAD = {
    "not TOML": ("[[rule", "rules.toml is not valid TOML"),
    "empty": ("", "rules.toml has no [[rule]] table: write at least one, or `rule = []` for "
        "none"),
    "a table": ("[rule]", "has no [[rule]] table"),
    "no table": ("rule = [1]", "rule 1: must be a table"),
    "unknown key at the head": ("x = 1\nrule = []", "x: is not a key; known are tenants,"),
    "unknown key": (f'{A}, colour = "r" }}]', "rule 1 (a), colour: is not a key; known are name,"),
    "no name": ('rule = [{ tenant = "x" }]', "rule 1, name: is missing"),
    "name of another type": ("rule = [{ name = 1 }]", "rule 1, name: must be a text"),
    "blank tenant": ('rule = [{ name = "a", tenant = " x" }]', "(a), tenant: must be a text"),
    "hidden letter": ('rule = [{ name = "a\\u200b", tenant = "x" }]', "rule 1, name: must be a"),
    "tenants of another type": ('tenants = "x"\nrule = []', "tenants: must be a list"),
    "kind of another type": (f"{A}, kind = 1 }}]", "rule 1 (a), kind: must be a list"),
    "nothing asked for": (f"{A}, tag = [] }}]", "rule 1 (a), tag: must name at least one"),
    "twice": (f'{A}, tag = ["k", "k"] }}]', "rule 1 (a), tag: names one of them twice"),
    "unknown kind": (f'{A}, kind = "dropplet" }}]', "kind: 'dropplet' is not a kind; near"),
    "unknown charge": (f'{A}, charge = "vat" }}]', "charge: 'vat' is not one of usage, credit,"),
    "no month": (f'{A}, from = "2026-13" }}]', "rule 1 (a), from: must be a month such as 2026-10"),
    "a date": (f"{A}, from = 2026-01-01 }}]", "rule 1 (a), from: must be a text"),
    "months turned round": (f'{A}, from = "2026-02", to = "2026-01" }}]', "to: 2026-01 is before"),
    "nobody": ('rule = [{ name = "a" }]', "tenant: give one of tenant, shares, by, unallocated"),
    "two ways": (f'{A}, by = "project" }}]', "by: give one of tenant, shares, by, unallocated"),
    "unknown way": ('rule = [{ name = "a", by = "luck" }]', "by: should be 'project', 'even' or"),
    "shares below 1": (
        'rule = [{ name = "a", shares = { x = 0.3, y = 0.3 } }]',
        "rule 1 (a), shares: they add up to 0.6 and must add up to 1",
    ),
    "shares above 1": (
        'rule = [{ name = "a", shares = { x = 0.9, y = 0.2 } }]', "they add up to 1.1 and must",
    ),
    "thirds": (
        'rule = [{ name = "a", shares = { x = 0.333333, y = 0.333333, z = 0.333333 } }]',
        "they add up to 0.999999 and",
    ),
    "no shares": ('rule = [{ name = "a", shares = {} }]', "they add up to 0 and must"),
    "a share below 0": (
        'rule = [{ name = "a", shares = { x = 1, y = -0.5 } }]', "y: should be greater than",
    ),
    "a share of text": ('rule = [{ name = "a", shares = { x = "1" } }]', "x: must be a number"),
    "a share of truth": ('rule = [{ name = "a", shares = { x = true } }]', "x: must be a number"),
    "not a number": ('rule = [{ name = "a", shares = { x = nan } }]', "x: should be a finite"),
    "too fine": (
        'rule = [{ name = "a", shares = { x = 1e-13, y = 1 } }]', "no more than 12 decimal places",
    ),
    "even among nobody": ('rule = [{ name = "a", by = "even" }]', "among: name the tenants"),
    "among without a split": (f'{A}, among = ["y"] }}]', "among: goes with"),
    "of without spend": (f'{A}, of = ["a"] }}]', "of: goes with"),
    "of nothing": (
        'rule = [{ name = "a", by = "spend", of = "b" }]', "of: 'b' is not the name of a rule in",
    ),
    "of itself": (
        'rule = [{ name = "a", by = "spend", of = "a" }]',
        "rule 1 (a), of: rules by spend form a circle: a of a",
    ),
    "a circle": (
        f'rule = [{TWO}, by = "spend", of = "c" }}, {{ name = "c", by = "spend", of = "b" }}]',
        "form a circle: b of c of b",
    ),
    "duplicate names": (
        f'rule = [{TWO}, tenant = "y" }}, {{ name = "b", tenant = "x" }}]',
        "rule 3 (b), name: rule 2 has the same name and holds in the same months",
    ),
    "overlapping versions": (
        'rule = [{ name = "a", tenant = "x", to = "2026-05" }, '
        '{ name = "a", tenant = "y", from = "2026-05" }]',
        "rule 2 (a), name: rule 1 has the same name and holds in the same months",
    ),
    "a name that is ours": (
        'rule = [{ name = "follows spend", tenant = "x" }]', "are reserved names",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_rules_that_cannot_be_used_are_refused(name: str) -> None:
    text, says = BAD[name]
    with pytest.raises(AllocationRulesError) as refused:
        parse_allocation_rules(text, "rules.toml")
    assert str(refused.value).startswith("rules.toml")
    assert says in str(refused.value)


def test_versions_of_a_rule_follow_each_other() -> None:
    file = parse_allocation_rules(
        'rule = [{ name = "a", tenant = "x", to = "2026-04" }, '
        '{ name = "a", tenant = "y", from = "2026-05" }]',
        "r",
    )
    assert [rule.holds_in("2026-04") for rule in file.rule] == [True, False]
    assert [rule.holds_in("2026-05") for rule in file.rule] == [False, True]


def test_rules_are_stored_and_read_without_a_difference() -> None:
    text = 'rule = [{ name = "a", shares = { y = 0.9, x = 0.1 } }]'
    file = parse_allocation_rules(text, "r")
    assert file.rule[0].shares == {"x": Decimal("0.1"), "y": Decimal("0.9")}
    turned = parse_allocation_rules(text.replace("y = 0.9, x = 0.1", "x = 0.1, y = 0.9"), "r")
    assert rules_from_json(file.as_json()).digest == file.digest == turned.digest


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    for write, says in (
        (lambda: None, "is not a file"),
        (lambda: path.write_bytes(b"\xff"), "is not UTF-8 text"),
        (lambda: path.write_bytes(b" " * 1_000_001), "is longer than"),
    ):
        write()
        with pytest.raises(AllocationRulesError, match=says):
            read_allocation_rules(path)
    path.write_text('\ufeffrule = [{ name = "a", tenant = "x" }]')
    assert read_allocation_rules(path).rule[0].name == "a"


def test_tenants_and_keys_that_nobody_has_are_refused_and_nothing_changes(
    account: Account, run: Apply
) -> None:
    account.project("shop", "acme")
    web = account.resource("droplet", "1", tags=["team:a"])
    account.line(account.invoice("i", "1.00"), "1.00", web)
    run()
    for rule, says in (
        ('tenant = "akme"', "rule 1 (r), tenant: 'akme' is not a tenant (similar names: acme"),
        ("shares = { acme = 0.5, akme = 0.5 }", "rule 1 (r), shares: 'akme' is not"),
        ('by = "even"\namong = ["akme"]', "rule 1 (r), among: 'akme' is not"),
        ('tenant = "acme"\ntag = "teem:a"', "tag: no resource ever had a tag with the key 'teem'"),
    ):
        with pytest.raises(AllocationRulesError) as refused:
            run(f'[[rule]]\nname = "r"\n{rule}\n')
        assert str(refused.value).startswith("rules.toml, ")
        assert says in str(refused.value)
    assert run().changed == 0
    run('tenants = ["akme"]\ntag_keys = ["teem"]\n[[rule]]\nname = "r"\ntag = "teem"\n'
        'tenant = "akme"\n')  # fmt: skip
    account.event(web, "tagged", 1, tags=(["gone:x"], ["team:a"]))
    run('[[rule]]\nname = "r"\ntag = ["t*", "team"]\ntenant = "acme"\n')
