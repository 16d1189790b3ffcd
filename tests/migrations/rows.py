"""A row in every table, so that migrations meet data; and everything a database holds, to compare."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, MetaData, Table, insert, inspect, select, update

from app.extensions import db
from tests.writing import JOURNAL

DAY = date(2020, 2, 29)
MOMENT = datetime(2024, 7, 1, 12, 30, 15, 123456)  # noqa: DTZ001 as the tables hold it, in UTC
LINK_HASH, TOKEN_HASH, COOKIE_HASH = "a" * 64, "b" * 64, "c" * 64

# In an order in which they can be written; {} is for what the migrations fill. Ids that no engine gives by itself soon.
ROWS: dict[str, dict[str, Any]] = {
    "schema_state": {},
    "access_roles": {"id": 100, "name": "payroll", "description": "Our own", "is_builtin": False, "version": 1},
    "grants": {"access_role_id": 100, "action": "view", "subject": "compensation", "scope": "all", "version": 1},
    "departments": {"id": 100, "code": "Ö", "code_key": "o", "name": "Öffentliches 部", "name_key": "offentliches 部"},
    "roles": {"id": 100, "title": "Clerk", "title_key": "clerk", "description": "x" * 3000, "level": 20, "version": 1},
    "employees": {
        "id": 100,
        "number": "1",
        "number_key": "1",
        "first_name": "Zoë 😀",
        "last_name": "O'Hara",
        "name_key": "o'hara zoe",
        "email_key": "taken",
        "status": "left",
        "employment_type": "fixed_term",
        "fte": Decimal("0.775"),
        "hired_on": DAY,
        "left_on": date(2024, 2, 29),
        "department_id": 100,
        "role_id": 100,
        "manager_id": 100,
        "custom": {"shoe size": 43.5, "ünï": ["code", None]},
        "version": 7,
    },
    "assignments": {"employee_id": 100, "status": "active", "department_id": 100, "valid_from": DAY, "version": 1},
    "pay": {
        "employee_id": 100,
        "amount": Decimal("123456789012.34"),
        "currency": "EUR",
        "period": "hour",
        "valid_from": DAY,
        "version": 1,
    },
    "search_words": {"word": "zoe", "employee_id": 100, "field_group": "directory"},
    "users": {
        "id": 100,
        "email": "Zoë@x.example",
        "email_key": "zoe@x.example",
        "access_role_id": 100,
        "employee_id": 100,
        "is_active": True,
        "created_at": MOMENT,
        "version": 1,
    },
    "sessions": {
        "token_hash": COOKIE_HASH,
        "user_id": 100,
        "created_at": MOMENT,
        "last_seen_at": MOMENT,
        "expires_at": MOMENT,
    },
    "credentials": {"user_id": 100, "kind": "sign_in_link", "token_hash": LINK_HASH, "created_at": MOMENT},
    "api_tokens": {
        "user_id": 100,
        "name": "Payroll",
        "token_hash": TOKEN_HASH,
        "limits": {"scope": []},
        "created_at": MOMENT,
    },
    "change_sets": {},
    "segments": {},
    "changes": {},
    "unsealed": {},
    "seals": {},
    "unarchived": {},
    "approvals": {
        "id": 100,
        "action": "transfer",
        "arguments": {"employee_ids": [7]},
        "actor_id": 100,
        "source": "panel",
        "rules": "rows",
        "records": 201,
        "verdict": "waiting",
        "asked_at": MOMENT,
        "expires_at": MOMENT,
    },
    "switches": {"name": "four_eyes", "is_on": False, "at": MOMENT},
    "signs": {"kind": "worker", "name": "a:1", "is_good": True, "at": MOMENT, "since": MOMENT},
    "servers": {
        "host": "app1",
        "part": "serve",
        "version": "1.0",
        "commit_hash": "c" * 40,
        "tag": "2026-11-21",
        "digest": f"sha256:{'d' * 64}",
        "run": "https://ci.example/run/7",
        "knows": 7,
        "is_draining": False,
        "since": MOMENT,
        "at": MOMENT,
        "process": "e" * 32,
    },
    "deployments": {
        "id": 100,
        "at": MOMENT,
        "result": "done",
        "tag": "2026-11-21",
        "commit_hash": "c" * 40,
        "digest": "",
        "run": "",
        "servers": "app1, app2",
        "change_set_id": 100,
    },
    "read_only": {},
    "cache_versions": {"name": "employees", "high": 1, "low": 2, "change_set_id": 100},
    "cache_uses": {
        "name": "home.by_status",
        "sql": "SELECT 1",
        "tables": "employees",
        "refusal": "",
        **dict.fromkeys(("hits", "misses", "verified", "differing", "away", "writing", "refused", "too_large"), 1),
        "miss_seconds": 0.5,
        "saved_seconds": 0.25,
        "filled_at": MOMENT,
        "used_at": MOMENT,
    },
    "jobs": {
        "id": 100,
        "action": "transfer",
        "source": "panel",
        "key": "transfer@2026-11-21",
        "state": "running",
        "not_before": MOMENT,
        "lease": "d" * 32,
        "attempts": 1,
        "resume": 2,
        "done": 2000,
        "is_cancel_asked": False,
        "created_at": MOMENT,
        "arguments": {"employee_ids": [7]},
    },
    "job_leases": {"job_id": 100, "lease": "d" * 32, "leased_until": MOMENT},
    "sign_in_throttles": {"key": "address 10.0.0.1", "failures": 3, "last_failed_at": MOMENT, "blocked_until": MOMENT},
}


def reflected(connection: Connection) -> dict[str, Table]:
    """Return the tables as the database has them, for what the models of today may no longer know."""
    found = MetaData()
    found.reflect(connection)
    return {name: table for name, table in found.tables.items() if name != "alembic_version"}


def fill() -> None:
    """Put a row into every table of today's schema; needs an application context."""
    assert set(ROWS) == set(db.metadata.tables), "give tests/migrations/rows.py a row for each new table"
    with db.engine.begin() as connection:
        tables = reflected(connection)
        for name, row in ROWS.items():
            if row:
                row = row if "version" not in tables[name].columns else {"version": 1, **row}
                connection.execute(insert(tables[name]).values(row | _json(name, row)))
        connection.execute(update(tables["departments"]).values(lead_id=100, parent_id=100))
        # An account that holds a built-in role keeps it through everything.
        staff = connection.scalar(select(tables["access_roles"].c.id).where(tables["access_roles"].c.name == "staff"))
        second = {
            **ROWS["users"],
            "id": 101,
            "email": "b",
            "email_key": "b",
            "access_role_id": staff,
            "employee_id": None,
        }
        connection.execute(insert(tables["users"]).values(second))


def _json(name: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON values as text where the database tells no more than that (MariaDB)."""
    with db.engine.connect() as connection:
        kinds = {column["name"]: str(column["type"]) for column in inspect(connection).get_columns(name)}
    is_text = {field for field in row if kinds[field] not in ("JSON", "JSONB")}
    return {field: json.dumps(value) for field, value in row.items() if isinstance(value, dict) and field in is_text}


def contents(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table, sorted; without what differs from one upgrade to the next.

    Those are the moments at which migrations were applied, the ids of what they filled in, and the journal, which each
    upgrade opens anew.
    """
    found = {}
    for name, table in reflected(connection).items():
        if name in {*JOURNAL, *GOING}:
            continue
        columns = [column for column in table.columns if (name, column.name) not in LEFT_OUT]
        found[name] = sorted((tuple(row) for row in connection.execute(select(*columns))), key=repr)
    return found


GOING = {"jobs", "job_leases", "approvals", "switches", "signs", "cache_versions", "cache_uses", "servers"}
GOING |= {"deployments"}
"""What goes with its table when a migration is taken back: what is under way, and no record of people."""
LEFT_OUT = {("schema_state", "applied_at"), ("access_roles", "id"), ("grants", "id"), ("grants", "access_role_id")}
