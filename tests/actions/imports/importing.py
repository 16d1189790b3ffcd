"""Ways to import for real in tests, from bytes to rows."""

from pathlib import Path

from sqlalchemy import func, select

from app.access.actor import operator
from app.actions.imports.plan import Options
from app.actions.imports.report import import_people
from app.actions.imports.table import read_bytes
from app.actions.registry import Source
from app.extensions import db
from app.people.employee import Employee

STAFF = (Path(__file__).parent / "staff.csv").read_bytes()
HEAD = "number,name,hire date,department,role,manager"


def imported(data, *, actor=None, is_dry_run=False, **options):
    data = data if isinstance(data, bytes) else data.encode()
    options = Options(**{"create_missing": True, **options})
    return import_people(actor or operator(), Source.CLI, read_bytes(data), options, is_dry_run=is_dry_run)


def people(*lines, head=HEAD, **options):
    return imported("\n".join([head, *lines]), **options)


def person(number):
    return db.session.scalars(select(Employee).where(Employee.number == number)).one()


def count(model):
    return db.session.scalar(select(func.count()).select_from(model))


def refusals(report):
    return {row["row"]: " ".join(row["reasons"]) for row in report["rows"] if row["outcome"] == "refused"}


def unresolved(report):
    return {(one["person"], one["manager"]): one["reason"] for one in report["unresolved"]}
