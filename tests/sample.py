"""A small organisation for tests: three departments, eight people, an account of each access role.

Board (lead Ada) → Engineering (lead Bo) → Platform. Ada manages Bo and Hana; Bo manages Cy and Dee, Cy manages Eli.
Flo left in 2020. Only Ada, Bo, Cy, Eli and Hana have accounts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Flask
from sqlalchemy import Table, func, select

from app import actions
from app.access.actor import operator
from app.accounts.models import AccessRole
from app.changes.journal import ChangeSet, Segment
from app.changes.tracking import KNOWINGLY
from app.extensions import db
from tests.writing import EMPTIED, JOURNAL

PASSWORD = "walking in the rain"
LEFT_ALONE = ("access_roles", "grants", "schema_state", "cache_versions", "cache_uses", "read_only")
"""The tables whose rows are not the organisation's; tokens put back would come with other rows than they stand for."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The ids of the organisation, by name."""

    departments: dict[str, int]
    roles: dict[str, int]
    people: dict[str, int]
    users: dict[str, int]


def build() -> Sample:
    """Make the organisation through the actions; needs an application context and empty tables."""
    departments = {"Board": _make("create_department", name="Board", code="BRD")}
    departments["Engineering"] = _make("create_department", name="Engineering", parent_id=departments["Board"])
    departments["Platform"] = _make("create_department", name="Platform", parent_id=departments["Engineering"])
    roles = {title: _make("create_role", title=title) for title in ("Director", "Engineer", "Clerk")}
    people: dict[str, int] = {}
    for number, name, last, department, role, manager, hired in (
        ("100", "Ada", "Okafor", "Board", "Director", None, date(2010, 1, 4)),
        ("101", "Bo", "Lindqvist", "Engineering", "Director", "Ada", date(2012, 3, 1)),
        ("102", "Cy", "Müller", "Engineering", "Engineer", "Bo", date(2015, 6, 15)),
        ("103", "Dee", "O'Hara", "Platform", "Engineer", "Bo", date(2018, 9, 3)),
        ("104", "Eli", "García", "Platform", "Engineer", "Cy", date(2021, 2, 1)),
        ("105", "Flo", "Ng", "Platform", "Clerk", None, date(2016, 5, 2)),
        ("106", "Hana", "山田", "Board", "Clerk", "Ada", date(2022, 11, 7)),
    ):
        people[name] = _make(
            "hire",
            number=number,
            first_name=name,
            last_name=last,
            email=f"{name.lower()}@sample.example",
            phone=f"+999 {number}",
            department_id=departments[department],
            role_id=roles[role],
            manager_id=people.get(manager or ""),
            hired_on=hired,
            home_address=f"{number} Home Street",
            notes=f"Note on {name}",
            **({"status": "left", "left_on": date(2020, 5, 31)} if name == "Flo" else {}),
        )
    _lead(departments["Board"], people["Ada"])
    _lead(departments["Engineering"], people["Bo"])
    accounts = {"administrator": "Ada", "manager": "Bo", "staff": "Eli", "hr": "Hana", "auditor": "Cy"}
    users = {role: account(role, f"{role}@sample.example", people[name]) for role, name in accounts.items()}
    db.session.rollback()
    return Sample(departments, roles, people, users)


class Kept:
    """The organisation's rows, so that only the first test of a run has to make them by actions.

    They go back under their old ids, which the engines have counted past and never give again. They are made anew where
    a test emptied the journal, and with it what it told of them; and where an account of theirs changed much, for the
    journal stays, and what an account changes within an hour decides whether somebody else has to agree.
    """

    MUCH = 20
    """Rows that an account changed: a tenth of what it may by itself, so no test nears the limit for others' sake."""

    def __init__(self) -> None:
        self._sample: Sample | None = None
        self._emptied = 0
        self._rows: list[tuple[Table, list[dict[str, Any]]]] = []
        self._made_until = 0

    def put_back(self) -> Sample:
        """Fill the empty tables; needs an application context."""
        if self._sample is None or self._emptied != EMPTIED["journal"] or self._changed_much(self._sample):
            self._sample, self._emptied = build(), EMPTIED["journal"]
            self._keep()
        else:
            self._insert()
        return self._sample

    def _changed_much(self, sample: Sample) -> bool:
        rows = select(func.sum(Segment.count)).join(ChangeSet).group_by(ChangeSet.actor_id)
        theirs = rows.where(ChangeSet.id > self._made_until, ChangeSet.actor_id.in_(sample.users.values()))
        with db.engine.connect() as connection:
            return any(count > self.MUCH for count in connection.scalars(theirs))

    def _keep(self) -> None:
        self._rows.clear()
        with db.engine.connect() as connection:
            self._made_until = connection.execute(select(func.max(ChangeSet.id))).scalar_one()
            for table in db.metadata.sorted_tables:
                if table.name not in (*LEFT_ALONE, *JOURNAL):
                    rows = connection.execute(select(table).order_by(*table.primary_key)).mappings().all()
                    self._rows.append((table, [dict(row) for row in rows]))

    def _insert(self) -> None:
        """Insert all, departments at first without their leads, who come after them."""
        leads = []
        with db.engine.begin() as connection:
            connection = connection.execution_options(**{KNOWINGLY: True})
            for table, rows in self._rows:
                if table.name == "departments":
                    leads = [row for row in rows if row["lead_id"]]
                    rows = [row | {"lead_id": None} for row in rows]
                if rows:
                    connection.execute(table.insert(), rows)
            departments = db.metadata.tables["departments"]
            for row in leads:
                wanted = departments.update().where(departments.c.id == row["id"])
                connection.execute(wanted.values(lead_id=row["lead_id"]))


def account(access_role: str, email: str, employee_id: int | None = None, password: str | None = None) -> int:
    """Make an account; return its id."""
    role_id = db.session.scalar(select(AccessRole.id).where(AccessRole.name == access_role))
    values = {"email": email, "access_role_id": role_id, "employee_id": employee_id}
    return int(act("create_user", values=values, password=password))


def act(name: str, /, **arguments: Any) -> Any:
    """Do an action as the operator and return what it gave back."""
    return actions.run(name, actor=operator(), source=actions.Source.CLI, **arguments).value


def stored(app: Flask, model: type[Any], row_id: int) -> Any:
    """Return a row as it stands in the database now, to be read without a session; None where there is none."""
    with app.app_context():
        row = db.session.get(model, row_id)
        if row is not None:
            db.session.expunge(row)
        return row


def _make(name: str, /, **values: Any) -> int:
    return int(act(name, values=values))


def _lead(department_id: int, employee_id: int) -> None:
    act("change_department", department_id=department_id, version=1, values={"lead_id": employee_id})
