"""What happens when people leave: who takes over, and what ends."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from app.accounts.models import Session, User
from app.core.clock import now
from app.extensions import db
from app.people.department import Department
from tests.career import TODAY, TOMORROW, YESTERDAY, change, history, leave, one, refused
from tests.sample import account, act

pytestmark = pytest.mark.usefixtures("context")


def test_leaver_hands_reports_departments_and_account_over(sample):
    bo, cy, dee, hana = (sample.people[name] for name in ("Bo", "Cy", "Dee", "Hana"))
    db.session.add(Session(token_hash="t" * 64, user_id=sample.users["manager"], **_now()))
    db.session.commit()
    leave(bo, YESTERDAY, successor_id=hana, leaving_reason="Moved on")
    gone = one(bo)
    assert (gone.status, gone.left_on, gone.leaving_reason) == ("left", YESTERDAY, "Moved on")
    assert history(bo) == [(date(2012, 3, 1), TODAY)]
    assert one(cy).manager_id == one(dee).manager_id == hana
    assert history(cy, "manager_id") == [(date(2015, 6, 15), TODAY, bo), (TODAY, None, hana)]
    assert db.session.get_one(Department, sample.departments["Engineering"]).lead_id == hana
    assert db.session.get_one(User, sample.users["manager"]).is_active is False
    assert db.session.scalar(select(func.count()).select_from(Session)) == 0


def _now():
    """Return the times of a session row."""
    return {"created_at": now(), "last_seen_at": now(), "expires_at": now() + timedelta(days=1)}


def test_reports_of_who_leaves_today_change_over_today(sample):
    leave(sample.people["Bo"], TODAY, successor_id=sample.people["Hana"])
    assert history(sample.people["Cy"])[-1][0] == TODAY


def test_reports_of_who_left_long_ago_change_over_the_day_after(sample):
    leave(sample.people["Bo"], date(2023, 3, 31), successor_id=sample.people["Hana"])
    assert history(sample.people["Cy"])[-1][0] == date(2023, 4, 1)


def test_successor_among_the_reports_takes_the_leavers_place(sample):
    people = sample.people
    leave(people["Bo"], successor_id=people["Cy"])
    assert one(people["Cy"]).manager_id == people["Ada"]
    assert one(people["Dee"]).manager_id == people["Cy"]
    assert one(people["Eli"]).manager_id == people["Cy"]


def test_leaver_with_reports_needs_a_successor_who_fits(sample):
    people = sample.people
    for successor, words in (
        (None, "Choose who takes over the people who report to Bo Lindqvist."),
        ("", "Choose who takes over the people who report to Bo Lindqvist."),
        (people["Bo"], "Choose somebody else: this person leaves."),
        (people["Flo"], "Flo Ng has left. Choose another manager."),
        (people["Eli"], "Eli García works below this person. Choose another manager."),
        (10**6, "This person is no longer there. Choose another manager."),
        ("nobody", "Choose from what the search offers."),
        ("9" * 5000, "Choose from what the search offers."),
        (-1, "Choose from what the search offers."),
    ):
        assert refused(leave, people["Bo"], successor_id=successor) == {"successor_id": words}
    assert one(people["Bo"]).status == "active"
    assert one(people["Cy"]).manager_id == people["Bo"]


def test_successor_has_to_work_here_also_when_only_a_department_is_handed_over(sample):
    people, platform = sample.people, sample.departments["Platform"]
    act("change_department", department_id=platform, version=1, values={"lead_id": people["Dee"]})
    assert refused(leave, people["Dee"], successor_id=people["Flo"]).keys() == {"successor_id"}
    assert refused(leave, people["Dee"], successor_id=people["Dee"]).keys() == {"successor_id"}
    leave(people["Dee"], successor_id=people["Eli"])
    assert db.session.get_one(Department, platform).lead_id == people["Eli"]


def test_last_administrator_cannot_leave(sample):
    people = sample.people
    words = refused(leave, people["Ada"], successor_id=people["Hana"])[""]
    assert words == "administrator@sample.example is the last administrator. Make another one first."
    assert one(people["Ada"]).status == "active"
    assert one(people["Bo"]).manager_id == people["Ada"]
    account("administrator", "other@sample.example")
    leave(people["Ada"], successor_id=people["Hana"])
    assert one(people["Ada"]).status == "left"


@pytest.mark.parametrize("left_on", [None, "", "soon", TOMORROW, date(2000, 1, 1)])
def test_leaving_needs_a_last_day_that_can_be(sample, left_on):
    assert refused(leave, sample.people["Dee"], left_on).keys() == {"left_on"}
    assert one(sample.people["Dee"]).status == "active"


def test_who_left_cannot_leave_again(sample):
    assert refused(leave, sample.people["Flo"]) == {"": "Flo Ng has left already."}


def test_leaving_before_a_later_change_is_refused(sample):
    dee = sample.people["Dee"]
    change(dee, date(2023, 5, 1), status="on_leave")
    assert refused(leave, dee, date(2023, 4, 30))["left_on"].startswith("The job history has a change after this day")
    leave(dee, date(2023, 5, 1))
    assert history(dee)[-1] == (date(2023, 5, 1), date(2023, 5, 2))
