"""Rules that classify projects: what a file may say, what it decides, and what it leaves alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import assume, given
from hypothesis import strategies as st

from arcadia_cloud_pipelines.inventory.classify import (
    Reclassified,
    apply_rules,
    classify_project,
    follow_rules,
    list_projects,
)
from arcadia_cloud_pipelines.inventory.rules import (
    Classified,
    ProjectRule,
    ProjectRulesError,
    Subject,
    classify_by_rules,
    parse_project_rules,
    read_project_rules,
)
from arcadia_cloud_pipelines.settings import checkout
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query

UUIDS = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(10)]
HEX = "0123456789abcdef0123456789abcdef01234567"


def rules(text: str) -> tuple[ProjectRule, ...]:
    return parse_project_rules(text, "rules.toml")


def said(text: str, **fields: Any) -> tuple[str | None, str | None]:
    """Tenant and purpose that the rules give one project."""
    known = {"name": "acme-web", "provider_id": UUIDS[1], "environment": None, "account": HEX}
    (found,) = classify_by_rules(rules(text), [Subject(1, **{**known, **fields})])
    assert found.id == 1
    return found.tenant_id, found.purpose


# -- what a file may say ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rule = 1 1", r"rules\.toml is not valid TOML: .*line 1"),
        ("", r"has no \[\[rule\]\] table: write at least one, or `rule = \[\]` for none"),
        ("[[rules]]\nname = 'a'\ntenant_id = 't'", r"has no \[\[rule\]\]"),
        ("rule = []\nversion = 1", "version: is not a key; known are rule"),
        ("rule = {name = 'a'}", r"has no \[\[rule\]\]"),
        ("rule = ['a']", "rule 1: must be a table"),
        ("[[rule]]\nname = 'a'\ntenant = 't'", r"rule 1 \(a\), tenant: is not a key; known are"),
        (f"[[rule]]\n'dop_v1_{'0a' * 32}' = 't'", r"rule 1, \*+: is not a key"),
        ("[[rule]]\nname = ['a']\ntenant_id = 't'", "rule 1, name: must be a text"),
        ("[[rule]]\nname = 'a'\ntenant_id = 7", r"rule 1 \(a\), tenant_id: must be a text"),
        ("[[rule]]\nname = 'a'\ntenant_id = true", r"rule 1 \(a\), tenant_id: must be a text"),
        ("[[rule]]\nname = 'a'\ntenant_id = ''", r"rule 1 \(a\), tenant_id: must be a text of"),
        ("[[rule]]\nname = 'a'\ntenant_id = ' t'", r"rule 1 \(a\), tenant_id: must be a text of"),
        ('[[rule]]\nname = "a"\npurpose = "x\\u0000y"', r"rule 1 \(a\), purpose: must be a text"),
        ("[[rule]]\nname = 'a '\ntenant_id = 't'", r"rule 1 \(a \), name: must be a text of"),
        ("[[rule]]\ntenant_id = 't'", "rule 1: it matches nothing: give name, id, env"),
        ("[[rule]]\nname = 'a'", r"rule 1 \(name = .a.\): it gives nothing: give ten"),
        ("[[rule]]\nid = 'acme'\ntenant_id = 't'", "rule 1, id: must be the project's uuid"),
        ("[[rule]]\nenvironment = 'prod'\npurpose = 'p'", "environment: must be one of Dev"),
        (
            "[[rule]]\nname = 'a'\npurpose = 'p'\n[[rule]]\nname = 'b'",
            r"rule 2 \(name = .b.\): it gives nothing",
        ),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_names_rule_and_key(text: str, words: str) -> None:
    with pytest.raises(ProjectRulesError, match=words) as caught:
        rules(text)
    assert str(caught.value).startswith("rules.toml")


@pytest.mark.parametrize(
    ("first", "second", "key"),
    [
        ("name='a'\ntenant_id='t'", "name='A'\ntenant_id='u'", "tenant_id"),
        ("name='a'\ntenant_id='t'", "name='a'\ntenant_id='t'", "tenant_id"),
        ("name='a'\npurpose='t'", "name='a'\nenvironment='Staging'\npurpose='p'", "purpose"),
        ("name='*'\npurpose='t'", "name='b'\npurpose='p'\ntenant_id='t'", "purpose"),
    ],
)
def test_a_rule_that_never_decides_is_a_mistake(first: str, second: str, key: str) -> None:
    text = f"[[rule]]\nname='other'\n{key}='x'\n[[rule]]\n{first}\n[[rule]]\n{second}"
    with pytest.raises(
        ProjectRulesError, match=rf"rule 3 \(.*\): its {key} is never used, because rule 2"
    ):
        rules(text)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("name='a'\ntenant_id='t'", "name='a'\npurpose='p'"),
        ("name='a'\nenvironment='Staging'\ntenant_id='t'", "name='a'\ntenant_id='u'"),
        ("name='a*'\ntenant_id='t'", "name='*'\ntenant_id='u'"),
    ],
)
def test_a_rule_that_may_decide_is_none(first: str, second: str) -> None:
    assert len(rules(f"[[rule]]\n{first}\n[[rule]]\n{second}")) == 2


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(ProjectRulesError, match=r"nowhere\.toml is not a file: set ARCADIA_PRO"):
        read_project_rules(tmp_path / "nowhere.toml")
    (tmp_path / "latin.toml").write_bytes(b"\xff")
    with pytest.raises(ProjectRulesError, match=r"latin\.toml is not UTF-8 text"):
        read_project_rules(tmp_path / "latin.toml")
    (tmp_path / "wrong.toml").write_text("[[rule]]\nnam = 'a'")
    with pytest.raises(ProjectRulesError, match=rf"{re.escape(str(tmp_path))}.wrong\.toml, rule 1"):
        read_project_rules(tmp_path / "wrong.toml")


def test_no_rules_are_said_in_so_many_words() -> None:
    assert rules("rule = []") == ()


def test_the_example_of_the_documentation_is_one() -> None:
    page = (checkout() / "docs" / "operations.md").read_text(encoding="utf-8")
    examples = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (example,) = (text for text in examples if "tenant_id" in text)
    known = {"account": "somebody", "provider_id": UUIDS[0]}
    assert said(example, name="acme-web", environment="Production", **known) == (
        "acme", "customer production",
    )  # fmt: skip
    assert said(example, name="acme-web", **known) == (None, "ours")


# -- what it decides ----------------------------------------------------------------------------

BOTH = "tenant_id = 't'\npurpose = 'p'"


@pytest.mark.parametrize(
    ("matcher", "fields", "hit"),
    [
        ("name = 'acme-*'", {}, True),
        ("name = 'ACME-w?b'", {}, True),
        ("name = 'acme-*'", {"name": "Acme-Straße"}, True),
        ("name = 'acme'", {}, False),
        ("name = 'cme-*'", {}, False),
        ("name = 'acme-[a-v]*'", {}, False),
        ("name = 'a.me-web'", {}, False),
        ("name = 'a*'", {"name": "a\nb"}, True),
        (f"id = '{UUIDS[1]}'", {}, True),
        (f"id = '{UUIDS[2]}'", {}, False),
        ("environment = 'production'", {"environment": "Production"}, True),
        ("environment = 'Production'", {"environment": "Staging"}, False),
        ("environment = 'Production'", {}, False),
        (f"account = '{HEX.upper()}'", {}, True),
        ("account = 'other'", {}, False),
        ("name = 'acme-*'\nenvironment = 'Staging'", {"environment": "Staging"}, True),
        ("name = 'acme-*'\nenvironment = 'Staging'", {}, False),
        ("name = 'x'\nenvironment = 'Staging'", {"environment": "Staging"}, False),
        ("name = 'acme-*'\naccount = 'other'", {}, False),
        (f"name = 'x'\nid = '{UUIDS[1]}'", {}, False),
    ],
)
def test_matchers(matcher: str, fields: dict[str, Any], hit: bool) -> None:
    assert said(f"[[rule]]\n{matcher}\n{BOTH}", **fields) == (("t", "p") if hit else (None, None))


def test_each_field_is_the_first_rules_that_gives_it() -> None:
    text = """
        [[rule]]
        name = "acme-*"
        tenant_id = "acme"
        [[rule]]
        name = "*-web"
        tenant_id = "web"
        purpose = "a web site"
        [[rule]]
        name = "*"
        purpose = "other"
    """
    assert said(text) == ("acme", "a web site")
    assert said(text, name="x-web") == ("web", "a web site")
    assert said(text, name="x") == (None, "other")


NAMES = st.text(alphabet="aAbB-*?[]!ßé.\n ", min_size=1, max_size=6)
PATTERNS = st.text(alphabet="aAbB-*?[]!ßé. ", min_size=1, max_size=5).filter(
    lambda text: text == text.strip() and text.isprintable()
)
ENVIRONMENTS = ("Development", "Staging", "Production")


@st.composite
def drawn_rules(draw: st.DrawFn) -> list[dict[str, str]]:
    made = []
    for _ in range(draw(st.integers(0, 4))):
        matchers = draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "name": PATTERNS,
                    "id": st.sampled_from(UUIDS[:3]),
                    "environment": st.sampled_from(ENVIRONMENTS),
                    "account": st.sampled_from(("a", "B")),
                },
            )
        )
        effects = draw(
            st.fixed_dictionaries(
                {},
                optional={"tenant_id": st.sampled_from("xyz"), "purpose": st.sampled_from("pqr")},
            )
        )
        if matchers and effects:
            made.append(matchers | effects)
    return made


def naive(entries: Sequence[dict[str, str]], project: Subject, field: str) -> str | None:
    """What the rules say, worked out the slow and obvious way."""
    for entry in entries:
        holds = True
        if "name" in entry:
            holds &= fnmatch(project.name.casefold(), entry["name"].casefold())
        if "id" in entry:
            holds &= entry["id"] == project.provider_id
        if "environment" in entry:
            holds &= entry["environment"] == project.environment
        if "account" in entry:
            holds &= entry["account"].lower() == project.account.lower()
        if holds and field in entry:
            return entry[field]
    return None


def as_toml(entries: Sequence[dict[str, str]]) -> str:
    if not entries:
        return "rule = []"
    return "\n".join(
        "[[rule]]\n" + "\n".join(f'{key} = "{value}"' for key, value in entry.items())
        for entry in entries
    )


def attempt(entries: Sequence[dict[str, str]]) -> tuple[tuple[ProjectRule, ...], str]:
    """The rules, or why they were refused."""
    try:
        return rules(as_toml(entries)), ""
    except ProjectRulesError as error:
        return (), str(error)


@given(
    entries=drawn_rules(),
    projects=st.lists(
        st.tuples(NAMES, st.sampled_from(UUIDS[:3]), st.sampled_from((*ENVIRONMENTS, None)),
                  st.sampled_from("abAB")),
        max_size=4,
    ),
)  # fmt: skip
def test_rules_decide_as_the_obvious_way_does(
    entries: list[dict[str, str]], projects: list[tuple[Any, ...]]
) -> None:
    loaded, refused = attempt(entries)
    assume("is never used" not in refused)
    assert refused == ""
    subjects = [Subject(number, *fields) for number, fields in enumerate(projects)]
    assert classify_by_rules(loaded, subjects) == [
        Classified(s.id, naive(entries, s, "tenant_id"), naive(entries, s, "purpose"))
        for s in subjects
    ]


FEW = st.fixed_dictionaries(
    {"name": st.sampled_from(("*", "a*", "A*")), "tenant_id": st.sampled_from("xy")},
    optional={"environment": st.just("Staging"), "purpose": st.sampled_from("pq")},
)


@given(
    entries=st.lists(FEW, min_size=2, max_size=4),
    name=st.sampled_from(("a", "Ab", "b", "")),
    environment=st.sampled_from(("Staging", None)),
)
def test_a_rule_refused_as_never_deciding_never_does(
    entries: list[dict[str, str]], name: str, environment: str | None
) -> None:
    if found := re.search(r"number (\d+): its (\w+) is never used", attempt(entries)[1]):
        upto = entries[: int(found[1])]
        project = Subject(1, name, UUIDS[0], environment, "a")
        decided = naive(upto[:-1], project, found[2])
        assert naive(upto, project, found[2]) == decided


# -- what is stored -----------------------------------------------------------------------------


@pytest.fixture
def stored(warehouse: Warehouse) -> Warehouse:
    """A warehouse with four projects, one of them deleted."""
    with warehouse.transaction() as connection:
        connection.execute(
            sa.text("""
                INSERT INTO cloud_projects
                    (account, provider_id, name, environment, first_seen_at, last_seen_at,
                     deleted_at)
                VALUES ('a', 'u-1', 'acme-web', 'Production', now(), now(), NULL),
                       ('a', 'u-2', 'acme-db', NULL, now(), now(), NULL),
                       ('b', 'u-3', 'other', NULL, now(), now(), NULL),
                       ('a', 'u-4', 'acme-old', NULL, now(), now(), now())
            """)
        )
    return warehouse


ACME = "[[rule]]\nname = 'acme-*'\ntenant_id = 'acme'\n"
PROD = "[[rule]]\nenvironment = 'Production'\npurpose = 'production'\n"


def state(warehouse: Warehouse) -> dict[str, tuple[Any, ...]]:
    """Tenant and purpose, each with who set it."""
    found = query(
        warehouse,
        "SELECT name, tenant_id, tenant_id_by, purpose, purpose_by FROM cloud_projects",
    )
    return {row.pop("name"): tuple(row.values()) for row in found}


NOBODY = (None, None, None, None)


def test_rules_are_applied_to_every_project(stored: Warehouse) -> None:
    applied = apply_rules(stored, rules(ACME + PROD))
    assert state(stored) == {
        "acme-web": ("acme", "rule", "production", "rule"),
        "acme-db": ("acme", "rule", None, None),
        "other": NOBODY,
        "acme-old": ("acme", "rule", None, None),
    }
    assert applied.changes == (
        Reclassified("acme-db", "u-2", False, "tenant_id", None, "acme"),
        Reclassified("acme-old", "u-4", True, "tenant_id", None, "acme"),
        Reclassified("acme-web", "u-1", False, "purpose", None, "production"),
        Reclassified("acme-web", "u-1", False, "tenant_id", None, "acme"),
    )
    assert apply_rules(stored, rules(ACME + PROD)).changes == ()


def test_what_rules_set_follows_them(stored: Warehouse) -> None:
    apply_rules(stored, rules(ACME + PROD))
    changed = apply_rules(stored, rules(ACME.replace("'acme'", "'acme-2'") + PROD))
    assert [(c.project, c.before, c.after) for c in changed.changes] == [
        (name, "acme", "acme-2") for name in ("acme-db", "acme-old", "acme-web")
    ]
    assert state(stored)["acme-web"] == ("acme-2", "rule", "production", "rule")
    taken = apply_rules(stored, rules(PROD))
    assert [(c.project, c.after) for c in taken.changes] == [
        (name, None) for name in ("acme-db", "acme-old", "acme-web")
    ]
    assert state(stored)["acme-web"] == (None, None, "production", "rule")
    apply_rules(stored, ())
    assert set(state(stored).values()) == {NOBODY}


def test_a_tenant_sees_what_the_rules_give_it_and_no_more(stored: Warehouse) -> None:
    def seen() -> list[str]:
        with stored.transaction() as connection:
            connection.execute(sa.text("SET LOCAL ROLE arcadia_tenant"))
            connection.execute(sa.text("SELECT set_config('arcadia.tenant_id', 'acme', true)"))
            names = connection.execute(sa.text("SELECT name FROM cloud_projects ORDER BY name"))
            return list(names.scalars())

    assert seen() == []
    apply_rules(stored, rules(ACME))
    assert seen() == ["acme-db", "acme-old", "acme-web"]
    classify_project(stored, "acme-db", tenant_id="")
    apply_rules(stored, rules(ACME))
    assert seen() == ["acme-old", "acme-web"]
    apply_rules(stored, rules(PROD))
    assert seen() == []


def test_what_was_set_by_hand_stays(stored: Warehouse) -> None:
    classify_project(stored, "acme-web", tenant_id="mine")
    applied = apply_rules(stored, rules(ACME + PROD))
    # Each field by itself: the purpose is the rules' nevertheless.
    assert state(stored)["acme-web"] == ("mine", "hand", "production", "rule")
    (kept,) = applied.kept
    assert (kept.project, kept.field, kept.value, kept.rules_say) == (
        "acme-web", "tenant_id", "mine", "acme",
    )  # fmt: skip
    apply_rules(stored, ())
    assert state(stored)["acme-web"] == ("mine", "hand", None, None)


def test_a_tenant_that_was_taken_away_by_hand_stays_away(stored: Warehouse) -> None:
    apply_rules(stored, rules(ACME))
    classify_project(stored, "acme-web", tenant_id="")
    assert state(stored)["acme-web"] == (None, "hand", None, None)
    assert [k.value for k in apply_rules(stored, rules(ACME)).kept] == [None]
    assert state(stored)["acme-web"] == (None, "hand", None, None)
    assert state(stored)["acme-db"][0] == "acme"


def test_a_field_is_left_to_the_rules_again(stored: Warehouse) -> None:
    apply_rules(stored, rules(ACME))
    classify_project(stored, "acme-web", tenant_id="mine", purpose="shop")
    classify_project(stored, "acme-db", tenant_id="mine")
    got = classify_project(stored, "acme-web", to_rules=["tenant_id"], rules=rules(ACME + PROD))
    assert (got.tenant_id, got.tenant_id_by, got.purpose, got.purpose_by) == (
        "acme", "rule", "shop", "hand",
    )  # fmt: skip
    assert state(stored)["acme-db"] == ("mine", "hand", None, None)
    classify_project(stored, "acme-web", to_rules=["tenant_id", "purpose"])
    assert state(stored)["acme-web"] == NOBODY
    # Only the project that was named: what the rules say of others is not this command's.
    assert state(stored)["acme-old"] == ("acme", "rule", None, None)


@pytest.mark.parametrize("by_rule_before", [False, True])
def test_what_somebody_writes_in_sql_is_by_hand(stored: Warehouse, by_rule_before: bool) -> None:
    if by_rule_before:
        apply_rules(stored, rules(ACME + PROD))
    with stored.transaction() as connection:
        for statement in (
            "UPDATE cloud_projects SET tenant_id = 'sql' WHERE name = 'acme-web'",
            "UPDATE cloud_projects SET tenant_id = 'x', purpose = 'y' WHERE name = 'acme-db'",
            "UPDATE cloud_projects SET tenant_id = 'x', name = name WHERE name = 'acme-old'",
            "UPDATE cloud_projects SET tenant_id = NULL WHERE name = 'acme-old'",
            "INSERT INTO cloud_projects (account, provider_id, name, tenant_id, first_seen_at, "
            "last_seen_at) VALUES ('a', 'u-9', 'acme-new', 'sql', now(), now())",
        ):
            connection.execute(sa.text(statement))
    apply_rules(stored, rules(ACME + PROD))
    found = state(stored)
    assert found["acme-web"][:2] == ("sql", "hand")
    assert found["acme-db"] == ("x", "hand", "y", "hand")
    assert found["acme-old"][:2] == (None, "hand")
    assert found["acme-new"] == ("sql", "hand", None, None)


@pytest.mark.parametrize(
    "values",
    [
        "tenant_id_by = 'rule'",
        "purpose_by = 'rule'",
        "tenant_id = 't', tenant_id_by = 'me'",
        "purpose = 'p', purpose_by = 'me'",
        "tenant_id_by = 'me'",
    ],
)
def test_the_database_refuses_what_makes_no_sense(stored: Warehouse, values: str) -> None:
    with pytest.raises(sa.exc.IntegrityError, match="_by_check"):
        query(stored, f"UPDATE cloud_projects SET {values} RETURNING 1")


def test_a_dry_run_says_the_same_and_stores_nothing(stored: Warehouse) -> None:
    classify_project(stored, "acme-db", tenant_id="mine")
    before = state(stored)
    dry = apply_rules(stored, rules(ACME + PROD), dry_run=True)
    assert state(stored) == before
    assert apply_rules(stored, rules(ACME + PROD)) == dry
    assert dry.changes


def test_rules_that_match_nothing_are_told(stored: Warehouse) -> None:
    text = ACME + "[[rule]]\nname = 'acme-[web]'\npurpose = 'p'\n"
    (idle,) = apply_rules(stored, rules(text)).idle
    assert str(idle) == 'rule 2 (name = "acme-[web]")'


def test_a_hand_that_comes_between_reading_and_writing_wins(stored: Warehouse) -> None:
    """The person's transaction is open while the rules are worked out, and commits before."""
    with ThreadPoolExecutor(1) as pool:
        with stored.engine.begin() as person:
            person.execute(
                sa.text("UPDATE cloud_projects SET tenant_id = 'mine' WHERE name = 'acme-web'")
            )
            running = pool.submit(apply_rules, stored, rules(ACME))
            waiting = (
                "SELECT 1 FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            while not query(stored, waiting):
                assert not running.done()
        running.result(30)
    assert state(stored)["acme-web"] == ("mine", "hand", None, None)
    assert state(stored)["acme-db"][0] == "acme"


@pytest.mark.parametrize(
    "left", [{"tenant_id": "mine"}, {"to_rules": ["tenant_id"]}], ids=["by hand", "by rules"]
)
def test_whoever_classifies_waits_for_a_sync_before_it_locks_a_row(
    stored: Warehouse, left: dict[str, Any]
) -> None:
    """The other order is a deadlock: the sync holds its lock and wants the rows."""
    with ThreadPoolExecutor(1) as pool:
        with stored.engine.begin() as sync:
            sync.execute(
                sa.text(
                    "SELECT pg_advisory_xact_lock(hashtextextended('arcadia.ledger/project', 0))"
                )
            )
            running = pool.submit(
                lambda: classify_project(stored, "acme-web", rules=rules(ACME), **left)
            )
            waiting = (
                "SELECT 1 FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) "
                "WHERE a.datname = current_database() AND NOT l.granted"
            )
            while not query(stored, waiting):
                assert not running.done()
            sync.execute(sa.text("SELECT FROM cloud_projects FOR UPDATE NOWAIT"))
            sync.execute(sa.text("UPDATE cloud_projects SET description = 'synced'"))
        running.result(30)
    assert state(stored)["acme-web"][0] == left.get("tenant_id", "acme")


def test_a_broken_file_changes_nothing(stored: Warehouse, tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(ACME)
    assert follow_rules(stored, file).problem is None
    before = state(stored)
    file.write_text(ACME + "[[rule]]\nnam = 'x'")
    followed = follow_rules(stored, file)
    assert "rule 2, nam: is not a key" in str(followed.problem)
    assert followed.changes == ()
    file.unlink()
    assert "is not a file" in str(follow_rules(stored, file).problem)
    assert state(stored) == before


def test_without_a_file_everything_stays(stored: Warehouse) -> None:
    apply_rules(stored, rules(ACME))
    before = state(stored)
    assert follow_rules(stored, None).changes == ()
    assert state(stored) == before


def test_the_list_shows_who_set_what(stored: Warehouse) -> None:
    apply_rules(stored, rules(ACME))
    classify_project(stored, "other", purpose="lab")
    shown = {p.name: (p.tenant_id, p.tenant_id_by, p.purpose, p.purpose_by)
             for p in list_projects(stored)}  # fmt: skip
    assert shown == {
        "acme-db": ("acme", "rule", None, None),
        "acme-web": ("acme", "rule", None, None),
        "other": (None, None, "lab", "hand"),
    }
