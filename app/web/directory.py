"""The directory and a person's page."""

from __future__ import annotations

from typing import Any

from flask import render_template, request, url_for

from app.access.gate import actor
from app.access.grants import Subject
from app.reading import person as persons
from app.reading.people import Wanted, people
from app.reading.person import JobStretch, PayStretch
from app.ui.labels import last_day, shown
from app.ui.lists import asked_place, links
from app.ui.records import groups
from app.web.cards import card, own_card
from app.web.pages import blueprint

PAGE_SIZE = 24


@blueprint.get("/directory")
def directory() -> str:
    """List the people who work here, found by `search`, or of one `department`."""
    search, department = request.args.get("search", "")[:200], request.args.get("department", "")
    filters = {"department": department} if department else {}
    wanted = Wanted(search=search, filters=filters, place=asked_place(), size=PAGE_SIZE, leaves_out_leavers=True)
    found = people(actor(), wanted)
    return render_template(
        "web/directory.html",
        search=search,
        page=links(
            found, [card(person) for person in found.rows], "web.directory", search=search, department=department
        ),
    )


@blueprint.get("/people/<path:number>")
def person(number: str) -> str:
    """Show somebody, with the field groups that the viewer may see."""
    who = actor()
    record = persons.with_history(persons.by_number(who, number))
    return render_template(
        "web/person.html",
        person=own_card(record, None),
        groups=groups(record),
        job_history=[_job(stretch) for stretch in record.jobs] if Subject.EMPLOYMENT in record.groups else None,
        pay_history=[_pay(row) for row in record.pay] if Subject.COMPENSATION in record.groups else None,
        reports=[card(someone) for someone in persons.reports(who, record.id)],
        edit_url=url_for("employees.edit_view", id=record.id) if Subject.DIRECTORY in record.editable else None,
    )


def _job(stretch: JobStretch) -> dict[str, Any]:
    return {
        "valid_from": stretch.valid_from,
        "valid_to": last_day(stretch.valid_to),
        "department": stretch.department,
        "role": stretch.role,
        "manager": stretch.manager,
        "status_label": shown(stretch.status),
    }


def _pay(row: PayStretch) -> dict[str, Any]:
    return {
        "valid_from": row.valid_from,
        "valid_to": last_day(row.valid_to),
        "amount": row.amount,
        "currency": row.currency,
        "period_label": shown(row.period),
        "reason": row.reason,
    }
