"""What happens to people: hired, corrected, changed from a date, left, removed."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from app.access.actor import by_user
from app.access.grants import Action, Scope, Subject
from app.accounts.models import User
from app.actions import Source, run
from app.core.problems import Conflict, Forbidden, Invalid, NotFound
from app.extensions import db
from app.people.department import Department
from app.people.employee import Employee
from app.people.history import Assignment
from app.people.search import SearchWord
from tests.career import TODAY, TOMORROW, YESTERDAY, change, hire, history, one, refused
from tests.sample import account, act
from tests.writing import commit

pytestmark = pytest.mark.usefixtures("context")

# Hired


def test_hiring_opens_the_job_history_on_the_first_day(sample):
    person = hire(department_id=sample.departments["Board"], manager_id=sample.people["Ada"])
    assert history(person, "department_id", "manager_id") == [
        (date(2020, 1, 1), None, sample.departments["Board"], sample.people["Ada"])
    ]


def test_hiring_somebody_who_left_closes_the_job_history_after_the_last_day():
    person = hire(status="left", left_on=date(2021, 6, 30))
    assert history(person, "status") == [(date(2020, 1, 1), date(2021, 7, 1), "active")]


def test_hiring_needs_number_name_and_first_day():
    assert refused(act, "hire", values={}).keys() == {"number", "first_name", "hired_on"}
    assert refused(act, "hire", values={"number": " ", "first_name": "", "hired_on": None}).keys() == {
        "number",
        "first_name",
        "hired_on",
    }


@pytest.mark.parametrize("number", ["100", " 100 ", "１００"])
def test_number_that_somebody_has_is_refused_however_it_is_written(sample, number):
    assert refused(hire, number) == {"number": "Another employee has this number."}
    assert len(sample.people) == db.session.scalar(select(func.count()).select_from(Employee))


@pytest.mark.parametrize("email", ["ada@sample.example", "ADA@Sample.Example", "ａｄａ@sample.example"])
@pytest.mark.usefixtures("sample")
def test_address_that_somebody_has_is_refused_however_it_is_written(email):
    assert refused(hire, "1", email=email) == {"email": "Another employee has this e-mail address."}


def test_several_people_without_an_address_are_no_duplicates():
    hire("1", email="")
    hire("2", email=None)
    assert db.session.scalar(select(func.count()).select_from(Employee)) == 2


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"fte": "0"}, "fte"),
        ({"fte": "-0.5"}, "fte"),
        ({"fte": "1.501"}, "fte"),
        ({"fte": ""}, "fte"),
        ({"status": "left"}, "left_on"),
        ({"left_on": YESTERDAY}, "left_on"),
        ({"status": "left", "left_on": TOMORROW}, "left_on"),
        ({"status": "left", "left_on": "2019-12-31"}, "left_on"),
        ({"contract_until": "2019-12-31"}, "contract_until"),
        ({"probation_until": "2019-12-31"}, "probation_until"),
        ({"birth_date": TODAY}, "birth_date"),
        ({"department_id": 10**6}, "department_id"),
        ({"role_id": 10**6}, "role_id"),
        ({"manager_id": 10**6}, "manager_id"),
        ({"department_id": "Board"}, "department_id"),
        ({"status": "fired"}, "status"),
        ({"employment_type": ""}, "employment_type"),
        ({"version": 7}, "version"),
    ],
)
def test_what_breaks_a_rule_is_refused_at_its_field(values, field):
    assert refused(hire, **values).keys() == {field}
    assert db.session.scalar(select(func.count()).select_from(Employee)) == 0


def test_every_fault_is_told_at_once(sample):
    flo = sample.people["Flo"]
    closed = act("create_department", values={"name": "Old", "closed_on": "2020-01-01"})
    faults = refused(
        hire, manager_id=flo, department_id=closed, fte="9", birth_date=TOMORROW, contract_until="2000-01-01"
    )
    assert faults.keys() == {"manager_id", "department_id", "fte", "birth_date", "contract_until"}
    assert faults["manager_id"] == "Flo Ng has left. Choose another manager."
    assert faults["department_id"] == "Old is closed. Choose another department."


def test_hiring_takes_the_right_to_each_field_group(sample):
    hr = by_user(sample.users["hr"])
    values = {"number": "1", "first_name": "X", "hired_on": TODAY, "notes": "n", "birth_date": "1990-01-01"}
    assert run("hire", actor=hr, source=Source.PANEL, values=values).value
    with pytest.raises(Forbidden):
        run("hire", actor=by_user(sample.users["staff"]), source=Source.PANEL, values=values | {"number": "2"})


# Corrected, or changed from a date


def test_correction_changes_the_present_stretch(sample):
    cy = sample.people["Cy"]
    change(cy, department_id=sample.departments["Board"])
    assert history(cy, "department_id") == [(date(2015, 6, 15), None, sample.departments["Board"])]


def test_change_from_a_date_ends_one_stretch_and_begins_the_next(sample):
    cy, board, engineering = sample.people["Cy"], sample.departments["Board"], sample.departments["Engineering"]
    change(cy, date(2023, 5, 1), department_id=board, status="on_leave")
    assert history(cy, "department_id", "status") == [
        (date(2015, 6, 15), date(2023, 5, 1), engineering, "active"),
        (date(2023, 5, 1), None, board, "on_leave"),
    ]
    assert one(cy).department_id == board


def test_change_on_the_day_of_the_last_one_corrects_it(sample):
    cy = sample.people["Cy"]
    change(cy, date(2023, 5, 1), status="on_leave")
    change(cy, date(2023, 5, 1), role_id=sample.roles["Clerk"])
    assert history(cy, "status", "role_id")[1:] == [(date(2023, 5, 1), None, "on_leave", sample.roles["Clerk"])]


def test_change_of_what_the_history_does_not_tell_leaves_it_alone(sample):
    cy = sample.people["Cy"]
    change(cy, date(2023, 5, 1), phone="+1", location="Oslo")
    assert len(history(cy)) == 1


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (date(2015, 6, 14), "This is before the first day of work."),
        ("1 May", "Enter a date like 2026-03-31."),
    ],
)
def test_change_on_a_day_that_cannot_be_is_refused(sample, day, words):
    cy = sample.people["Cy"]
    change(cy, date(2023, 5, 1), status="on_leave")
    assert refused(change, cy, day, status="active") == {"valid_from": words}
    assert one(cy).status == "on_leave"


def test_change_before_a_later_one_holds_until_the_later_one_says_otherwise(sample):
    cy, board, clerk = sample.people["Cy"], sample.departments["Board"], sample.roles["Clerk"]
    change(cy, date(2023, 5, 1), status="on_leave")
    change(cy, date(2020, 1, 1), department_id=board)
    change(cy, date(2021, 1, 1), status="active", role_id=clerk)
    assert history(cy, "status", "department_id", "role_id") == [
        (date(2015, 6, 15), date(2020, 1, 1), "active", sample.departments["Engineering"], sample.roles["Engineer"]),
        (date(2020, 1, 1), date(2021, 1, 1), "active", board, sample.roles["Engineer"]),
        (date(2021, 1, 1), date(2023, 5, 1), "active", board, clerk),
        (date(2023, 5, 1), None, "on_leave", board, clerk),
    ]
    assert (one(cy).status, one(cy).department_id, one(cy).role_id) == ("on_leave", board, clerk)


def test_change_of_the_form_on_a_day_to_come_is_planned_and_all_else_changes_at_once(sample):
    cy, board, engineering = sample.people["Cy"], sample.departments["Board"], sample.departments["Engineering"]
    change(cy, TOMORROW, department_id=board, phone="+7", status="on_leave")
    assert history(cy, "department_id", "status") == [
        (date(2015, 6, 15), TOMORROW, engineering, "active"),
        (TOMORROW, None, board, "on_leave"),
    ]
    assert (one(cy).department_id, one(cy).status, one(cy).phone) == (engineering, "active", "+7")


def test_correction_is_of_today_and_goes_on_into_what_is_planned(sample):
    cy, clerk = sample.people["Cy"], sample.roles["Clerk"]
    change(cy, TOMORROW, department_id=sample.departments["Board"])
    change(cy, role_id=clerk, department_id=sample.departments["Platform"])
    assert history(cy, "department_id", "role_id") == [
        (date(2015, 6, 15), TOMORROW, sample.departments["Platform"], clerk),
        (TOMORROW, None, sample.departments["Board"], clerk),
    ]


def test_corrected_first_day_moves_the_first_stretch(sample):
    cy = sample.people["Cy"]
    change(cy, date(2023, 5, 1), status="on_leave")
    change(cy, hired_on="2015-07-01")
    assert [row[0] for row in history(cy)] == [date(2015, 7, 1), date(2023, 5, 1)]
    change(cy, hired_on="2014-01-01")
    assert [row[0] for row in history(cy)] == [date(2014, 1, 1), date(2023, 5, 1)]
    assert refused(change, cy, hired_on="2023-05-01").keys() == {"hired_on"}
    assert one(cy).hired_on == date(2014, 1, 1)


def test_nobody_is_their_own_manager_or_managed_from_below(sample):
    people = sample.people
    assert refused(change, people["Bo"], manager_id=people["Bo"]).keys() == {"manager_id"}
    for below in ("Cy", "Eli"):
        words = refused(change, people["Bo"], manager_id=people[below])["manager_id"]
        assert words.endswith("works below this person. Choose another manager.")
    change(people["Bo"], manager_id=people["Hana"])
    assert one(people["Bo"]).manager_id == people["Hana"]


def test_present_department_that_closed_meanwhile_stands_in_nobodys_way(sample):
    dee = sample.people["Dee"]
    db.session.get_one(Department, sample.departments["Platform"]).closed_on = TODAY
    commit()
    change(dee, phone="+1")
    assert refused(change, sample.people["Cy"], department_id=sample.departments["Platform"]).keys() == {
        "department_id"
    }


def test_stale_version_is_a_conflict_that_shows_what_is_there(sample):
    bo = sample.people["Bo"]
    change(bo, phone="+2")
    for version in (0, 1, 3):
        with pytest.raises(Conflict) as conflict:
            act("change_employee", employee_id=bo, version=version, values={"phone": "+3", "location": "Oslo"})
        assert (conflict.value.version, conflict.value.theirs) == (2, {"phone": "+2", "location": None})
    assert one(bo).phone == "+2"


def test_nothing_changed_is_no_new_version(sample):
    bo = sample.people["Bo"]
    change(bo, phone="+999 101", first_name="Bo", last_name=" Lindqvist ")
    assert one(bo).version == 1


def test_record_that_is_not_there_is_not_found():
    with pytest.raises(NotFound):
        act("change_employee", employee_id=10**6, version=1, values={})


# Left, by the form and taken back


def test_leaving_by_the_form_ends_history_account_and_lead(sample):
    eli = sample.people["Eli"]
    act("change_department", department_id=sample.departments["Platform"], version=1, values={"lead_id": eli})
    change(eli, status="left", left_on=YESTERDAY)
    assert history(eli, "status") == [(date(2021, 2, 1), TODAY, "active")]
    assert db.session.get_one(User, sample.users["staff"]).is_active is False
    assert db.session.get_one(Department, sample.departments["Platform"]).lead_id is None


def test_leaving_by_the_form_is_refused_while_somebody_reports_to_them(sample):
    faults = refused(change, sample.people["Cy"], status="left", left_on=TODAY)
    assert faults["status"].startswith("1 person still reports to them.")
    assert refused(change, sample.people["Dee"], status="left") == {"left_on": "Enter the last day of work."}
    assert refused(change, sample.people["Dee"], left_on=YESTERDAY).keys() == {"left_on"}


def test_corrected_last_day_moves_the_end_of_the_history(sample):
    flo = sample.people["Flo"]
    for left_on in (date(2020, 6, 30), date(2020, 4, 30)):
        change(flo, left_on=left_on)
        assert history(flo) == [(date(2016, 5, 2), left_on + timedelta(days=1))]
    assert refused(change, flo, left_on=date(2016, 5, 1)).keys() == {"left_on"}


def test_leaving_taken_back_opens_the_history_again(sample):
    flo = sample.people["Flo"]
    change(flo, status="active", left_on=None)
    assert history(flo, "status") == [(date(2016, 5, 2), None, "active")]


def test_return_from_a_date_keeps_the_gap(sample):
    flo = sample.people["Flo"]
    change(flo, date(2022, 1, 1), status="active", left_on=None)
    assert history(flo, "status") == [
        (date(2016, 5, 2), date(2020, 6, 1), "active"),
        (date(2022, 1, 1), None, "active"),
    ]


def test_return_on_the_very_first_day_opens_the_only_stretch_again(sample):
    flo = sample.people["Flo"]
    change(flo, date(2016, 5, 2), status="active", left_on=None)
    assert history(flo, "status") == [(date(2016, 5, 2), None, "active")]


def test_who_comes_back_needs_an_open_department_and_a_manager_who_works_here(sample):
    eli, dee = sample.people["Eli"], sample.people["Dee"]
    change(eli, manager_id=dee)
    change(eli, status="left", left_on=TODAY)
    change(dee, status="left", left_on=TODAY)
    db.session.get_one(Department, sample.departments["Platform"]).closed_on = TODAY
    commit()
    faults = refused(change, eli, status="active", left_on=None)
    assert faults.keys() == {"manager_id", "department_id"}
    change(
        eli, status="active", left_on=None, manager_id=sample.people["Bo"], department_id=sample.departments["Board"]
    )
    assert one(eli).status == "active"


# Removed


def test_fresh_entry_is_deleted_with_all_that_hangs_on_it():
    person = hire("77")
    act("delete_employee", employee_id=person, version=1)
    for table in (Employee, Assignment, SearchWord):
        assert db.session.scalar(select(func.count()).select_from(table)) == 0
    assert hire("77") != person


def test_who_has_a_history_an_account_or_somebody_below_is_not_deleted(sample):
    people = sample.people
    change(people["Dee"], date(2023, 1, 1), status="on_leave")
    for name in ("Bo", "Dee", "Eli", "Flo"):
        words = refused(act, "delete_employee", employee_id=people[name], version=one(people[name]).version)[""]
        assert words.endswith("has a history or an account, so can’t be removed: record a leaving instead.")
    assert db.session.scalar(select(func.count()).select_from(Employee)) == 7


def test_who_changed_meanwhile_is_not_deleted():
    person = hire()
    change(person, phone="+1")
    with pytest.raises(Conflict):
        act("delete_employee", employee_id=person, version=1)


# Own contact details


def test_people_change_their_own_contact_and_nothing_else(sample):
    eli = by_user(sample.users["staff"])

    def own(**values):
        version = one(sample.people["Eli"]).version
        return run("change_own_contact", actor=eli, source=Source.WEB, version=version, values=values)

    own(phone="+5", home_address="New Street 1")
    assert (one(eli.employee_id).phone, one(eli.employee_id).home_address) == ("+5", "New Street 1")
    for field in ("first_name", "department_id", "status", "notes", "email", "location", "nonsense"):
        with pytest.raises(Invalid) as error:
            own(**{field: "1"})
        assert error.value.errors.keys() == {field}
    with pytest.raises(Conflict):
        run("change_own_contact", actor=eli, source=Source.WEB, version=1, values={"phone": "+6"})


def test_account_without_an_employee_has_no_contact_to_change():
    stranger = by_user(account("staff", "new@sample.example"))
    with pytest.raises(Forbidden):
        run("change_own_contact", actor=stranger, source=Source.WEB, version=1, values={"phone": "1"})


def test_field_that_may_not_be_changed_can_not_be_guessed_either(sample, make_role, context):
    role = make_role(
        "names only", {(Action.VIEW, Subject.DIRECTORY): Scope.ALL, (Action.EDIT, Subject.DIRECTORY): Scope.ALL}
    )
    actor = by_user(account(role, "names@sample.example"))
    eli = sample.people["Eli"]
    for guess in ("Note on Eli", "Something else"):
        with pytest.raises(Forbidden):
            run(
                "change_employee", actor=actor, source=Source.PANEL, employee_id=eli, version=1, values={"notes": guess}
            )
