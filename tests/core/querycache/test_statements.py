"""A statement's tables are found however they are reached, and what can't be kept is refused."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    Date,
    Dialect,
    Integer,
    String,
    bindparam,
    cast,
    column,
    distinct,
    exists,
    func,
    lateral,
    literal,
    literal_column,
    select,
    table,
    text,
    true,
    type_coerce,
    union,
    union_all,
    values,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Bundle, aliased, joinedload
from sqlalchemy.sql.functions import FunctionElement

from app.access.visible import departments_below
from app.accounts.models import AccessRole, GrantRow, Session, User
from app.changes.approvals import Approval
from app.changes.journal import ChangeRow, ChangeSet
from app.core.jobs.job import Job
from app.core.querycache import cached, versions
from app.core.querycache.statements import Plan, Plans
from app.extensions import db
from app.people.assignments import Assignment
from app.people.department import Department
from app.people.employee import Employee, Status
from app.people.pay import Pay
from app.people.role import Role
from app.people.search import SearchWord

E, D, R, U = Employee, Department, Role, User
ROOT = Path(__file__).parents[3]
DIALECTS = [sqlite.dialect(), mysql.dialect(), postgresql.dialect()]
GROUP = {"departments": "departments", "employees": "employees", "roles": "roles", "users": "accounts"}


def plan(statement: Any, dialect: Dialect = DIALECTS[0]) -> Plan:
    return Plans().of(statement, dialect)[0]


def tables(statement: Any) -> set[str]:
    """Return the tables found, the same on each engine; a refusal is an error."""
    found = [plan(statement, dialect) for dialect in DIALECTS]
    assert not any(one.refusal for one in found), found[0].refusal
    assert len({one.tables for one in found}) == 1
    return set(found[0].tables)


# Every way that leads to a table

boss, child = aliased(E), aliased(D)
people = select(E.id, E.department_id).where(E.status == Status.ACTIVE)
FOUND = {
    "its own": (select(E.id), "employees"),
    "of a Core table": (select(E.__table__.c.id), "employees"),
    "from alone": (select(func.count()).select_from(R), "roles"),
    "join": (select(E.id).join(D, D.id == E.department_id), "employees departments"),
    "outer join": (select(E.id).outerjoin(R, R.id == E.role_id), "employees roles"),
    "a relationship's join": (select(E.id).join(E.department), "employees departments"),
    "two relationships' joins": (select(E.id).join(E.department).join(D.lead.of_type(boss)), "employees departments"),
    "a relationship's join to an alias": (select(E.id).join(E.department.of_type(child)), "employees departments"),
    "has": (select(E.id).where(E.role.has(R.title == "x")), "employees roles"),
    "has in has": (select(U.id).where(U.employee.has(E.department.has())), "users employees departments"),
    "alias": (select(boss.id), "employees"),
    "two aliases": (select(E.id, boss.id).join(boss, E.manager_id == boss.id), "employees"),
    "alias of a Core table": (select(D.__table__.alias("x").c.id), "departments"),
    "comma": (select(E.id, R.id), "employees roles"),
    "subquery": (select(people.subquery().c.id), "employees"),
    "subquery in a join": (select(D.id).join(people.subquery(), true()), "departments employees"),
    "subquery in a subquery": (select(select(people.subquery()).subquery().c.id), "employees"),
    "scalar subquery": (select(D.id, select(func.count(E.id)).scalar_subquery()), "departments employees"),
    "in ORDER BY": (select(D.id).order_by(select(func.count(E.id)).scalar_subquery()), "departments employees"),
    "in HAVING": (
        select(D.id).group_by(D.id).having(func.count() > select(func.count(R.id)).scalar_subquery()),
        "departments roles",
    ),
    "in LIMIT": (select(D.id).limit(select(func.count(R.id)).scalar_subquery()), "departments roles"),
    "IN": (select(D.id).where(D.id.in_(select(E.department_id))), "departments employees"),
    "EXISTS": (select(D.id).where(exists().where(E.department_id == D.id)), "departments employees"),
    "NOT EXISTS": (select(D.id).where(~select(1).where(E.department_id == D.id).exists()), "departments employees"),
    "only EXISTS": (select(exists().where(E.id == 1)), "employees"),
    "CTE": (select(people.cte().c.id), "employees"),
    "CTE twice": (select(D.id).join(people.cte("a"), true()).join(select(R.id).cte("b"), true()), ""),
    "a CTE that only a CTE reads": (select(select(people.cte("a")).cte("b").c.id), "employees"),
    "recursive CTE": (departments_below(1), "departments"),
    "recursive CTE in a condition": (select(E.id).where(E.department_id.in_(departments_below(1))), ""),
    "CTE that nothing reads": (select(R.id).add_cte(people.cte("a")), "roles employees"),
    "UNION": (union(select(E.id), select(D.id)), "employees departments"),
    "UNION ALL of UNIONs": (union_all(union(select(E.id), select(D.id)), select(R.id)), "employees departments roles"),
    "a UNION as a subquery": (select(union(select(E.id), select(D.id)).subquery().c.id), "employees departments"),
    "INTERSECT": (select(E.id).intersect(select(U.employee_id)), "employees users"),
    "LATERAL": (select(D.id, lateral(people.where(E.department_id == D.id)).c.id), "departments employees"),
    "CASE": (select(db.case((D.id.in_(select(E.department_id)), 1), else_=0)), "departments employees"),
    "window": (select(func.row_number().over(order_by=select(R.id).limit(1).scalar_subquery())), "roles"),
    "aggregate with a filter": (select(func.count(distinct(E.id)).filter(E.role_id.in_(select(R.id)))), ""),
    "the search": (select(E.id).where(E.id.in_(select(SearchWord.employee_id))), "employees search_words"),
}
FOUND["CTE twice"] = (FOUND["CTE twice"][0], "departments employees roles")
FOUND["recursive CTE in a condition"] = (FOUND["recursive CTE in a condition"][0], "employees departments")
FOUND["aggregate with a filter"] = (FOUND["aggregate with a filter"][0], "employees roles")


@pytest.mark.parametrize("way", FOUND)
def test_tables_are_found(way: str) -> None:
    statement, expected = FOUND[way]
    assert tables(statement) == set(expected.split())


def test_groups_are_those_of_the_tables() -> None:
    asked = select(E.id).join(SearchWord, SearchWord.employee_id == E.id).join(U, U.employee_id == E.id)
    assert plan(asked).groups == ("accounts", "employees")
    journal = select(ChangeSet.id, Job.id, Approval.id, AccessRole.id, GrantRow.id)
    assert plan(journal).groups == ("accounts", "approvals", "jobs", "journal")


MODELS = st.sampled_from([E, D, R, U])


@st.composite
def statements(draw: Any, depth: int = 3) -> Any:
    """Build a SELECT of one number: a table joined, narrowed and nested at random."""
    model = draw(MODELS.map(aliased) | MODELS)
    made = select(model.id.label("n")).where(model.id > draw(st.integers(0, 3)))
    if not depth:
        return made
    for way in draw(st.lists(st.sampled_from(["in", "exists", "join", "outer", "scalar", "order", "cte"]), max_size=2)):
        other = draw(statements(depth=depth - 1))
        inner = other.subquery()
        if way == "in":
            made = made.where(model.id.in_(select(inner.c.n)))
        elif way == "exists":
            made = made.where(select(1).where(inner.c.n == model.id).exists())
        elif way in ("join", "outer"):
            made = made.join(inner, inner.c.n == model.id, isouter=way == "outer")
        elif way == "scalar":
            made = made.where(model.id < select(func.max(inner.c.n)).scalar_subquery())
        elif way == "order":
            made = made.order_by(None).order_by(select(func.min(inner.c.n)).scalar_subquery())
        else:
            made = made.join(named := other.cte(), named.c.n == model.id)
    if draw(st.booleans()):
        return select(union_all(made.order_by(None), select(draw(MODELS).id)).subquery().c[0].label("n"))
    return made


@given(statements(), st.sampled_from(DIALECTS))
@settings(max_examples=60, deadline=None)
def test_tables_found_are_those_in_the_sql(statement: Any, dialect: Dialect) -> None:
    found = plan(statement, dialect)
    assert not found.refusal
    # The aliases of tables are “employees_1” and the like; no column is called as a table.
    named = re.findall(r"(?:FROM|JOIN|,) *\(*(employees|departments|roles|users)\b(?!\.)", found.sql)
    assert set(found.tables) == set(named)
    assert set(found.groups) == {GROUP[name] for name in named}


# What is refused


class Dice(FunctionElement[int]):
    """An expression of somebody's own."""

    inherit_cache = True
    name = "max"
    type = Integer()


class Keyless(Dice):
    """One that says nothing of what it is made of."""

    inherit_cache = False


@compiles(Dice)
def _throw(element: Any, compiler: Any, **options: Any) -> str:
    return "random()"


secret = aliased(E)
REFUSED = {
    "text": (select(text("1")), "text"),
    "text in a condition": (select(E.id).where(text("1 = 1")), "text"),
    "text in ORDER BY": (select(E.id).order_by(text("1")), "text"),
    "text of columns": (select(text("SELECT id FROM pay").columns(column("id")).subquery().c.id), "text"),
    "text before": (select(E.id).prefix_with("SQL_NO_CACHE"), "text"),
    "text behind": (select(E.id).suffix_with("FOR UPDATE"), "text"),
    "a hint": (select(E.id).with_statement_hint("; anything"), "text"),
    "a hint for a table": (select(E.id).with_hint(E, "FORCE INDEX (x)", "mysql"), "text"),
    "literal column": (select(literal_column("birth_date")).select_from(E), "text"),
    "every column": (select(literal_column("*")).select_from(E), "text"),
    "every column of a subquery": (select(select(literal_column("*")).select_from(E).subquery()), "text"),
    "an operator of one's own": (select(E.id.op("+ random() +")(1)), "text"),
    "a condition of one's own": (select(E.id).where(E.first_name.bool_op("~")("x")), "text"),
    "column of no table": (select(column("birth_date")).select_from(E), "column birth_date of no table"),
    "a table by name": (select(table("employees", column("id")).c.id), "table employees"),
    "now": (select(func.now()), "function now"),
    "current_date": (select(E.id).where(E.hired_on < func.current_date()), "function current_date"),
    "random": (select(E.id).order_by(func.random()), "function random"),
    "a function of a schema": (select(func.evil.lower(E.number)), "function evil.lower"),
    "table-valued function": (select(func.json_each(E.number).table_valued("value").c.value), "function json_each"),
    "rows of a function": (select(func.generate_series(1, 3).column_valued("n")), "function generate_series"),
    "a sample": (select(E.__table__.tablesample(10, name="s").c.id), "function"),
    "a day made of text": (select(cast(literal("today"), Date)), "a moment made of something else"),
    "FOR UPDATE": (select(E.id).with_for_update(), "locks what it reads"),
    "FOR SHARE in a subquery": (select(select(E.id).with_for_update(read=True).subquery().c.id), "locks"),
    "object": (select(E), "an object"),
    "object behind a column": (select(E.id, D).join(D, true()), "an object"),
    "alias of an object": (select(boss), "an object"),
    "object with loads": (select(E).options(joinedload(E.department)), "an object"),
    "object in a UNION": (union_all(select(R), select(R)), "an object"),
    "bundle": (select(Bundle("b", E.id, E.number)), "an object"),
    "pay": (select(Pay.id), "table pay"),
    "pay by a join": (select(E.id).join(Pay, Pay.employee_id == E.id), "table pay"),
    "pay in EXISTS": (select(E.id).where(exists().where(Pay.employee_id == E.id)), "table pay"),
    "assignments": (select(func.count()).select_from(Assignment), "table assignments"),
    "sessions": (select(U.id).where(U.id.in_(select(Session.user_id))), "table sessions"),
    "tokens": (versions.sums(), "table cache_versions"),
    "private column": (select(E.birth_date), "column employees.birth_date"),
    "of an alias": (select(secret.home_address), "home_address"),
    "in a condition": (select(E.id).where(E.notes.is_not(None)), "notes"),
    "in ORDER BY": (select(E.id).order_by(secret.birth_date), "birth_date"),
    "in a subquery": (select(select(E.birth_date.label("d")).subquery().c.d), "birth_date"),
    "in a CTE": (select(func.max(select(E.birth_date.label("d")).cte().c.d)), "birth_date"),
    "in a function": (select(func.max(E.birth_date)), "birth_date"),
    "in a UNION": (union(select(E.phone), select(E.home_address)), "home_address"),
    "password": (select(func.count(U.password_hash)), "password_hash"),
    "the journal's values": (select(ChangeRow.before), "before"),
    "a construct of one's own": (select(Dice()), "construct Dice"),
    "one deep in a condition": (select(E.id).where(E.id.in_(select(func.max(Dice())))), "construct Dice"),
    "one without a key": (select(Keyless()), "nothing can be told"),
    "rows made of values": (select(values(column("n", Integer)).data([(1,)]).alias("v").c.n), "nothing can be told"),
    "a value worked out later": (select(E.id).where(E.id == bindparam("n", callable_=lambda: 1)), "worked out later"),
    "a value that repr doesn't tell": (select(E.id).where(E.number == bindparam("n", object())), "of type object"),
    "one in a list": (select(E.id).where(E.number.in_([object()])), "of type object"),
}
COMPILED_ELSEWHERE = {"a hint for a table": DIALECTS[1], "a sample": DIALECTS[2]}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what: str) -> None:
    statement, reason = REFUSED[what]
    assert reason in plan(statement, COMPILED_ELSEWHERE.get(what, DIALECTS[what == "FOR SHARE in a subquery"])).refusal


def test_refused_statement_has_no_values() -> None:
    assert Plans().of(select(E.id).where(E.birth_date == date(2000, 1, 1)), DIALECTS[0])[1] == {}


def test_value_worked_out_later_is_refused_also_where_the_shape_is_known() -> None:
    plans = Plans()
    assert not plans.of(select(E.id).where(E.id == bindparam("n", 1)), DIALECTS[0])[0].refusal
    assert plans.of(select(E.id).where(E.id == bindparam("n", callable_=lambda: 1)), DIALECTS[0])[0].refusal


def test_plans_do_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.core.querycache.statements.SHAPES_KEPT", 3)
    plans = Plans()
    for name in ("id", "number", "phone", "location", "email"):
        plans.of(select(getattr(E, name)), DIALECTS[0])
    assert len(plans._kept) <= 3


# Keys


def key_of(statement: Any, scope: str = "everybody", name: str = "x") -> str:
    mine = cached.of_app()
    found, given_values = mine.plans.of(statement, db.engine.dialect)
    assert not found.refusal
    return cached._key(mine, name, found, given_values, scope)


def where(value: Any) -> Any:
    return select(E.id).where(E.number == bindparam("n", value, String()))


def two(first: str, second: str, third: str) -> Any:
    given_values = {"a": 1, "b": 2}
    parts = [bindparam(name, given_values[name]) for name in (first, second, third)]
    return select(E.id).where(E.id == parts[0], E.role_id == parts[1], E.manager_id == parts[2])


DIFFERENT: dict[str, Callable[[], list[Any]]] = {
    "values": lambda: [where("1"), where("2"), where("")],
    "types of values": lambda: [where(one) for one in (1, True, "1", Decimal(1), Decimal("1.0"), 1.0, b"1", None)],
    "choices": lambda: [select(E.id).where(E.status == one) for one in Status],
    "days": lambda: [select(E.id).where(E.hired_on < date(2020, 1, one)) for one in (1, 2)],
    "lists": lambda: [select(E.id).where(E.id.in_(one)) for one in ([1], [2], [1, 2], [2, 1], [])],
    "types in lists": lambda: [select(E.id).where(E.number.in_(one)) for one in (["1"], [1], [True])],
    "limits": lambda: [select(E.id).limit(one) for one in (1, 2, None)],
    "offsets": lambda: [select(E.id).offset(one) for one in (1, 2)],
    "orders": lambda: [select(E.id).order_by(one) for one in (E.id, E.id.desc(), E.number)],
    "columns": lambda: [select(E.id), select(E.number), select(E.id, E.number), select(E.number, E.id)],
    "types of columns": lambda: [select(E.hired_on.label("x")), select(type_coerce(E.hired_on, String).label("x"))],
    "types of choices": lambda: [select(E.status.label("x")), select(type_coerce(E.status, String).label("x"))],
    "places of values": lambda: [two("a", "b", "b"), two("a", "a", "b"), two("b", "a", "a"), two("a", "b", "a")],
    "distinct": lambda: [select(E.role_id), select(E.role_id).distinct()],
    "values given beside": lambda: [where(None).params(n=one) for one in ("1", "2")],
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_statements_that_differ_have_different_keys(context: Flask, what: str) -> None:
    made = DIFFERENT[what]
    keys = [key_of(one) for one in made()]
    assert len(set(keys)) == len(keys)
    assert [key_of(one) for one in made()] == keys, "built again, it is the same question"


def test_scope_name_locale_and_schema_are_in_the_key(context: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = select(E.id)
    keys = [key_of(asked), key_of(asked, scope="x"), key_of(asked, name="y")]
    monkeypatch.setattr(cached, "get_locale", lambda: "de")
    keys.append(key_of(asked))
    monkeypatch.setattr(cached, "HEAD", 1000)
    keys.append(key_of(asked))
    assert len(set(keys)) == len(keys)


OTHER_PROCESS = """
import sys
from tests.applications import application
from tests.core.querycache.test_statements import KEPT_ALIKE, key_of
with application(sys.argv[1], SECRET_KEY=sys.argv[2]) as app, app.app_context():
    print("\\n".join(key_of(make()) for make in KEPT_ALIKE))
"""
KEPT_ALIKE: list[Callable[[], Any]] = [
    lambda: FOUND["recursive CTE in a condition"][0].where(E.status.in_(list(Status)), E.fte > Decimal("0.5")),
    lambda: FOUND["UNION ALL of UNIONs"][0],
    lambda: select(E.status, U.created_at, E.fte).join(U, U.employee_id == E.id).limit(3),
]


def test_another_process_makes_the_same_keys(context: Flask, database_url: str) -> None:
    keys = [key_of(make()) for make in KEPT_ALIKE]
    command = [sys.executable, "-c", OTHER_PROCESS, database_url, context.config["SECRET_KEY"]]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={"PYTHONHASHSEED": "7"}, check=False)
    assert done.stdout.split() == keys, done.stderr
