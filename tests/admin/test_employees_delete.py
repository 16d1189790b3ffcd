"""Leaving and deleting through the panel: it asks what has to be known, and no more."""

from __future__ import annotations

from datetime import date

import pytest

from app.accounts.models import User
from app.core.clock import today
from app.people.department import Department
from app.people.employee import Employee
from tests.browsing import Browser, errors, fields, filled, rows
from tests.sample import act, stored


@pytest.fixture
def hr(sample, browser):
    """Return the browser of somebody from HR."""
    return browser.sign_in(sample.users["hr"])


def delete(person):
    """Return where somebody is deleted or leaves."""
    return f"/admin/employees/delete/?id={person}"


def fresh(app, number="1"):
    """Add somebody on whom nothing hangs; return their id."""
    with app.app_context():
        return act("hire", values={"number": number, "first_name": "New", "hired_on": date(2024, 1, 1)})


def test_entry_on_which_nothing_hangs_is_deleted(app, hr):
    person = fresh(app)
    page = hr.get(delete(person))
    assert fields(page).keys() == {"csrf_token", "version"}
    assert "will be deleted, as if it had never been entered" in page.text
    answer = hr.client.post(delete(person), data=filled(page))
    assert answer.status_code == 303
    assert "New was deleted." in hr.get(answer.location).text
    assert stored(app, Employee, person) is None
    assert hr.get(delete(person)).status_code == 404


def test_leaver_with_reports_is_asked_for_a_successor(app, hr, sample):
    bo = sample.people["Bo"]
    page = hr.get(delete(bo))
    assert "2 people report to them and need a new manager." in page.text
    assert fields(page)["left_on"] == today().isoformat()
    refused = hr.client.post(delete(bo), data=filled(page, leaving_reason="Moved"))
    assert refused.status_code == 422
    assert errors(refused)["successor_id"] == "Choose who takes over the people who report to Bo Lindqvist."
    assert fields(refused)["leaving_reason"] == "Moved"
    answer = hr.client.post(delete(bo), data=filled(refused, successor_id=sample.people["Hana"]))
    assert "Bo Lindqvist is recorded as having left." in hr.get(answer.location).text
    assert stored(app, Employee, sample.people["Cy"]).manager_id == sample.people["Hana"]
    assert stored(app, Department, sample.departments["Engineering"]).lead_id == sample.people["Hana"]


def test_successor_that_does_not_fit_is_refused_and_still_shown(hr, sample):
    page = hr.submit(delete(sample.people["Bo"]), successor_id=sample.people["Eli"])
    assert page.status_code == 422
    assert errors(page)["successor_id"].startswith("Eli García works below this person.")
    assert fields(page)["successor_id"] == str(sample.people["Eli"])
    assert "Eli García · 104" in page.text
    for nonsense in ("x", "-1", "9" * 40, "1000000"):
        assert errors(hr.submit(delete(sample.people["Bo"]), successor_id=nonsense)).keys() == {"successor_id", ""}


def test_who_leads_a_department_may_name_who_takes_it_over(app, hr, sample):
    dee, platform = sample.people["Dee"], sample.departments["Platform"]
    with app.app_context():
        act("change_department", department_id=platform, version=1, values={"lead_id": dee})
    assert "successor_id" in fields(hr.get(delete(dee)))
    assert hr.submit(delete(dee), successor_id=sample.people["Eli"]).status_code == 303
    assert stored(app, Department, platform).lead_id == sample.people["Eli"]


def test_who_has_neither_is_not_asked(app, hr, sample):
    eli = sample.people["Eli"]
    page = hr.get(delete(eli))
    assert "successor_id" not in fields(page)
    assert hr.client.post(delete(eli), data=filled(page, left_on="2024-06-30")).status_code == 303
    assert stored(app, Employee, eli).left_on == date(2024, 6, 30)


def test_leaving_ahead_is_planned_and_stands_in_the_job_history(app, hr, sample):
    eli = sample.people["Eli"]
    answer = hr.submit(delete(eli), left_on="2098-12-31", leaving_reason="Moved")
    page = hr.get(answer.location)
    assert "Eli García is recorded to leave after the last day." in page.text
    assert stored(app, Employee, eli).status == "active"
    page = hr.get(f"/admin/employees/details/?id={eli}")
    assert any(row[0].startswith("Jan 1, 2099 (planned)") and row[1:3] == ["–", "Left"] for row in rows(page))


@pytest.mark.parametrize("day", ["", "x", "2000-01-01"])
def test_last_day_has_to_be_one(app, hr, sample, day):
    page = hr.submit(delete(sample.people["Eli"]), left_on=day)
    assert page.status_code == 422
    assert errors(page).keys() == {"left_on", ""}
    assert fields(page)["left_on"] == day
    assert stored(app, Employee, sample.people["Eli"]).status == "active"


def test_account_of_a_leaver_ends_at_once(app, hr, sample):
    eli = Browser(app).sign_in(sample.users["staff"])
    assert eli.get("/dashboard").status_code == 200
    assert hr.submit(delete(sample.people["Eli"])).status_code == 303
    assert eli.get("/dashboard").status_code == 302
    assert stored(app, User, sample.users["staff"]).is_active is False


def test_last_administrator_stays(app, hr, sample):
    page = hr.submit(delete(sample.people["Ada"]), successor_id=sample.people["Hana"])
    assert page.status_code == 422
    assert "administrator@sample.example is the last administrator." in errors(page)[""]
    assert stored(app, Employee, sample.people["Ada"]).status == "active"


def test_who_left_already_is_told_so(hr, sample):
    page = hr.submit(delete(sample.people["Flo"]))
    assert page.status_code == 422
    assert "Flo Ng has left already." in errors(page)[""]


def test_record_that_changed_meanwhile_is_asked_about_again(app, hr, sample):
    eli = sample.people["Eli"]
    page = hr.get(delete(eli))
    with app.app_context():
        act("change_employee", employee_id=eli, version=1, values={"phone": "1"})
    again = hr.client.post(delete(eli), data=filled(page, leaving_reason="Moved"))
    assert again.status_code == 409
    assert "Somebody else changed this record meanwhile." in errors(again)[""]
    assert fields(again)["leaving_reason"] == "Moved"
    assert stored(app, Employee, eli).status == "active"
    assert hr.client.post(delete(eli), data=filled(again)).status_code == 303


def test_entry_that_got_a_history_while_one_looked_is_not_made_a_leaver_unasked(app, hr):
    person = fresh(app)
    page = hr.get(delete(person))
    with app.app_context():
        act("hire", values={"number": "2", "first_name": "Below", "hired_on": today(), "manager_id": person})
    again = hr.client.post(delete(person), data=filled(page))
    assert again.status_code == 422
    assert errors(again).keys() == {"successor_id", ""}
    assert stored(app, Employee, person).status == "active"


def test_deleting_takes_a_post_with_a_token(app, hr):
    person = fresh(app)
    page = hr.get(delete(person))
    assert hr.client.post(delete(person), data=filled(page, csrf_token=None)).status_code == 400
    assert stored(app, Employee, person) is not None
