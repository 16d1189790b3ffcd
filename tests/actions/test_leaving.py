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
from tests.writing import commit

pytestmark = pytest.mark.usefixtures("context")


def test_leaver_hands_reports_departments_and_account_over(sample):
    bo, cy, dee, hana = (sample.people[name] for name in ("Bo", "Cy", "Dee", "Hana"))
    db.session.add(Session(token_hash="t" * 64, user_id=sample.users["manager"], **_now()))
    commit()
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


@pytest.mark.parametrize("left_on", [None, "", "soon", date(2000, 1, 1)])
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


# Several at once


def test_without_a_successor_reports_of_several_go_to_the_nearest_above_who_stays(sample):
    people = sample.people
    assert act("leave", employee_ids=[people["Cy"], people["Bo"]], left_on=YESTERDAY) == 2
    assert one(people["Dee"]).manager_id == one(people["Eli"]).manager_id == people["Ada"]
    assert history(people["Eli"], "manager_id")[-1] == (TODAY, None, people["Ada"])
    assert db.session.get_one(Department, sample.departments["Engineering"]).lead_id is None
    accounts = select(func.count()).where(User.is_active, User.employee_id.in_([people["Bo"], people["Cy"]]))
    assert db.session.scalar(accounts) == 0


def test_successor_of_several_takes_over_from_all_but_is_none_of_them(sample):
    people = sample.people
    two = [people["Bo"], people["Cy"]]
    words = refused(act, "leave", employee_ids=two, left_on=TODAY, successor_id=people["Cy"])["successor_id"]
    assert words.split(". ")[0] == "Bo Lindqvist: Choose somebody else: this person leaves"
    act("leave", employee_ids=two, left_on=TODAY, successor_id=people["Hana"])
    assert one(people["Dee"]).manager_id == one(people["Eli"]).manager_id == people["Hana"]


def test_all_stay_where_one_can_not_leave(sample):
    people = sample.people
    account("administrator", "other@sample.example")
    assert refused(act, "leave", employee_ids=[people["Dee"], people["Ada"]], left_on=TODAY) == {
        "successor_id": "Ada Okafor: Choose who takes over the people who report to Ada Okafor."
    }
    assert refused(act, "leave", employee_ids=[people["Dee"], people["Flo"]], left_on=TODAY) == {
        "": "Flo Ng has left already."
    }
    assert refused(act, "leave", employee_ids=[people["Dee"], people["Eli"]], left_on=date(2019, 1, 1)) == {
        "left_on": "Eli García: The last day is before the first one."
    }
    assert one(people["Dee"]).status == "active"


def test_plan_below_a_leaver_leads_to_the_successor(sample):
    people = sample.people
    act("transfer", employee_ids=[people["Cy"]], department_id=sample.departments["Board"], valid_from=TOMORROW)
    leave(people["Bo"], TODAY, successor_id=people["Hana"])
    assert history(people["Cy"], "manager_id")[-2:] == [
        (TODAY, TOMORROW, people["Hana"]),
        (TOMORROW, None, people["Hana"]),
    ]


def test_what_was_planned_for_later_goes_with_the_leaver(sample):
    dee = sample.people["Dee"]
    change(dee, TOMORROW, status="on_leave")
    leave(dee, TODAY)
    assert history(dee) == [(date(2018, 9, 3), TOMORROW)]


# Back again


def come_back(*names, **more):
    """Record a return."""
    return act("come_back", employee_ids=list(names), **more)


def test_who_comes_back_does_what_they_did_with_a_gap_in_the_history(sample):
    people = sample.people
    leave(people["Eli"], date(2024, 3, 31))
    assert come_back(people["Eli"], people["Flo"], valid_from="2024-06-01") == 2
    assert history(people["Eli"], "status", "manager_id") == [
        (date(2021, 2, 1), date(2024, 4, 1), "active", people["Cy"]),
        (date(2024, 6, 1), None, "active", people["Cy"]),
    ]
    back = one(people["Eli"])
    assert (back.status, back.left_on, back.leaving_reason) == ("active", None, None)
    assert db.session.get_one(User, sample.users["staff"]).is_active is False
    assert one(people["Flo"]).status == "active"


def test_manager_who_left_meanwhile_is_not_come_back_to(sample):
    people = sample.people
    leave(people["Eli"], date(2024, 3, 31))
    leave(people["Cy"], date(2024, 4, 30))
    come_back(people["Eli"], valid_from=date(2024, 6, 1), role_id=sample.roles["Clerk"])
    assert (one(people["Eli"]).manager_id, one(people["Eli"]).role_id) == (None, sample.roles["Clerk"])


def test_return_that_can_not_be_is_refused_with_who_it_is_about(sample):
    people = sample.people
    leave(people["Dee"], YESTERDAY)
    act("close_department", department_id=sample.departments["Platform"], target_id=sample.departments["Board"])
    faults = refused(come_back, people["Dee"], people["Flo"], valid_from=date(2022, 1, 1))
    assert faults["valid_from"] == f"Dee O'Hara: This is before the last day of work, {YESTERDAY}."
    assert faults["department_id"].startswith("Dee O'Hara: Platform is closed.")
    assert refused(come_back, people["Bo"]) == {"": "Bo Lindqvist works here."}
    come_back(people["Flo"], valid_from=TOMORROW, department_id=sample.departments["Board"])
    again = refused(come_back, people["Flo"], department_id=sample.departments["Board"])
    assert again == {"valid_from": f"Flo Ng is to come back on {TOMORROW} already."}


# By the form


def test_past_of_somebody_who_left_changes_from_a_day_on_and_they_stay_away(sample):
    flo, board = sample.people["Flo"], sample.departments["Board"]
    change(flo, date(2019, 1, 1), department_id=board)
    assert history(flo, "department_id")[1:] == [(date(2019, 1, 1), date(2020, 6, 1), board)]
    assert (one(flo).department_id, one(flo).status) == (board, "left")
    assert refused(change, flo, date(2020, 6, 1), department_id=sample.departments["Platform"]) == {
        "valid_from": "This is after the last day of work."
    }


def test_return_on_a_day_to_come_leaves_the_record_as_it_is_until_then(sample):
    flo = sample.people["Flo"]
    change(flo, TOMORROW, status="active", left_on=None)
    assert history(flo, "status")[1:] == [(TOMORROW, None, "active")]
    assert (one(flo).status, one(flo).left_on) == ("left", date(2020, 5, 31))
    change(flo, left_on=date(2020, 6, 30))
    assert [row[:2] for row in history(flo)] == [(date(2016, 5, 2), date(2020, 7, 1)), (TOMORROW, None)]


def test_return_before_the_last_day_is_as_if_they_had_never_left(sample):
    flo = sample.people["Flo"]
    change(flo, date(2020, 1, 1), status="on_leave", left_on=None)
    assert history(flo, "status") == [
        (date(2016, 5, 2), date(2020, 1, 1), "active"),
        (date(2020, 1, 1), None, "on_leave"),
    ]
    assert one(flo).left_on is None
