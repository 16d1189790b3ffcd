"""What was done to people is undone: all of it, or what nobody changed again since."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.accounts.models import Session, User
from app.core.clock import today
from app.core.problems import Forbidden
from app.extensions import db
from app.people.employee import Employee, Status
from app.people.search import SearchWord
from tests.actions.undo.undoing import differences, do, left_out, refusal, told, undo, user
from tests.career import history, one
from tests.sample import Sample, account, act

pytestmark = pytest.mark.usefixtures("context")
TODAY = today()
AGO = TODAY - timedelta(days=40)


def edit(person_id: int, /, **values: Any) -> int:
    """Change somebody's record; return the change set."""
    return do("change_employee", employee_id=person_id, version=one(person_id).version, values=values)


def hire(number: str = "900", **values: Any) -> int:
    """Hire somebody; return the change set."""
    return do("hire", values={"number": number, "first_name": "Ida", "last_name": "Ek", "hired_on": AGO, **values})


def transfer(person_id: int, department_id: int, valid_from: Any = None) -> int:
    """Transfer somebody; return the change set."""
    return do("transfer", employee_ids=[person_id], department_id=department_id, valid_from=valid_from)


def leave(*person_ids: int, **more: Any) -> int:
    """Record a leaving; return the change set."""
    return do("leave", employee_ids=list(person_ids), left_on=TODAY, **more)


def numbered(number: str) -> Employee:
    """Return the person with this number."""
    db.session.rollback()
    return db.session.query(Employee).filter_by(number=number).one()


def test_transfer_is_undone_with_its_history_and_the_undo_is_undone_again(sample: Sample) -> None:
    before = told()
    moved = transfer(sample.people["Eli"], sample.departments["Board"])
    after = told()
    undone = undo(moved)
    assert differences(before, told()) == {}
    again = undo(undone)
    assert differences(after, told()) == {}
    undo(again)
    assert differences(before, told()) == {}


def test_what_changed_beside_it_stays(sample: Sample) -> None:
    eli = sample.people["Eli"]
    before = told()
    moved = transfer(eli, sample.departments["Board"])
    edit(eli, phone="+999 1")
    undo(moved)
    assert differences(before, told()) == {f"employees:{eli}:phone": ("+999 104", "+999 1")}


def test_transfer_with_a_later_one_is_left_out_and_despite_it_the_rules_decide(sample: Sample) -> None:
    eli = sample.people["Eli"]
    first = transfer(eli, sample.departments["Board"], AGO)
    transfer(eli, sample.departments["Engineering"])
    before = told()
    assert refusal(first) == "Eli García: It was changed again since."
    assert refusal(first, despite=True).startswith("The history of Eli García would say two things")
    assert differences(before, told()) == {}


def test_newer_change_is_overwritten_only_when_chosen(sample: Sample) -> None:
    eli = sample.people["Eli"]
    first = edit(eli, phone="+999 1", location="Rome")
    edit(eli, phone="+999 2")
    assert left_out(first) == {f"employees:{eli}:phone": "It was changed again since."}
    assert (one(eli).phone, one(eli).location) == ("+999 2", None)
    undo(first, only=[f"employees:{eli}:phone"], despite=[f"employees:{eli}:phone"])
    assert one(eli).phone == "+999 104"


def test_field_that_is_back_already_needs_no_undo(sample: Sample) -> None:
    eli = sample.people["Eli"]
    first = edit(eli, phone="+999 1")
    edit(eli, phone="+999 104")
    assert refusal(first) == "This has been undone already: everything is as it was before."


def test_only_what_is_chosen_is_undone(sample: Sample) -> None:
    eli, dee = sample.people["Eli"], sample.people["Dee"]
    both = do("transfer", employee_ids=[eli, dee], department_id=sample.departments["Board"])
    undo(both, only=[f"employees:{dee}"])
    assert one(eli).department_id == sample.departments["Board"]
    assert one(dee).department_id == sample.departments["Platform"]
    undo(both)
    assert one(eli).department_id == sample.departments["Platform"]
    assert refusal(both, only=["employees:0"]) == "This has been undone already: everything is as it was before."


def test_hire_is_undone_and_comes_back_under_the_same_id(sample: Sample) -> None:
    before = told()
    hired = hire(department_id=sample.departments["Board"], manager_id=sample.people["Ada"], notes="Met at a fair")
    person_id, after = numbered("900").id, told()
    undone = undo(hired)
    assert differences(before, told()) == {}
    assert db.session.query(SearchWord).filter_by(employee_id=person_id).count() == 0
    undo(undone)
    assert differences(after, told()) == {}
    assert numbered("900").id == person_id
    assert {word.word for word in db.session.query(SearchWord).filter_by(employee_id=person_id)} >= {"ida", "ek", "900"}
    assert numbered("900").name_key == "ek ida"


def test_hire_is_left_out_when_something_changed_or_hangs_on_the_person(sample: Sample) -> None:
    hired = hire()
    person_id = numbered("900").id
    act("raise_pay", employee_ids=[person_id], amount="10", currency="EUR")
    assert refusal(hired) == "Ida Ek has been given pay by now. Record a leaving instead."
    act("change_manager", employee_ids=[sample.people["Eli"]], manager_id=person_id)
    assert "by now" in refusal(hired)
    edit(person_id, phone="1")
    assert refusal(hired) == "Ida Ek: It was changed again since."


def test_removed_person_comes_back_with_everything_that_hung_on_them(sample: Sample) -> None:
    hire(department_id=sample.departments["Platform"], birth_date="1990-01-01", notes="A note")
    person_id = numbered("900").id
    act("raise_pay", employee_ids=[person_id], amount="50000", currency="EUR", valid_from=AGO)
    before = told()
    removed = do("delete_employee", employee_id=person_id, version=numbered("900").version)
    assert differences(before, told()) != {}
    undo(removed)
    assert differences(before, told()) == {}


def test_removed_person_stays_away_while_their_number_is_another_ones(sample: Sample) -> None:
    hire()
    person_id = numbered("900").id
    removed = do("delete_employee", employee_id=person_id, version=numbered("900").version)
    hire(first_name="Other")
    assert refusal(removed) == "Ida Ek: Another employee has this number."


def test_removed_person_stays_away_while_their_department_is_gone_or_closed(sample: Sample) -> None:
    act("create_department", values={"name": "Short-lived"})
    department_id = max(told()["departments"])
    hire(department_id=department_id)
    removed = do("delete_employee", employee_id=numbered("900").id, version=1)
    act("close_department", department_id=department_id)
    assert refusal(removed) == "Ida Ek: Short-lived is closed. Choose another department."
    act("delete_department", department_id=department_id)
    assert refusal(removed) == "Ida Ek: It belongs to a record that is no longer there. Bring that back first."


def test_leaving_is_undone_with_reports_lead_pay_and_account(sample: Sample) -> None:
    bo = sample.people["Bo"]
    act("raise_pay", employee_ids=[bo], amount="50000", currency="EUR", valid_from=AGO)
    before = told()
    left = leave(bo, successor_id=sample.people["Ada"])
    assert one(sample.people["Cy"]).manager_id == sample.people["Ada"]
    after = told()
    undone = undo(left)
    assert differences(before, told()) == {}
    assert db.session.get_one(User, sample.users["manager"]).is_active
    undo(undone)
    assert differences(after, told()) == {}


def test_sessions_that_a_leaving_ended_do_not_come_back(sample: Sample, browser: Any) -> None:
    browser.sign_in(sample.users["manager"])
    undo(leave(sample.people["Bo"], successor_id=sample.people["Ada"]))
    assert db.session.query(Session).filter_by(user_id=sample.users["manager"]).count() == 0
    assert browser.get("/dashboard").status_code == 302


def test_report_who_moved_on_since_a_leaving_stays_where_they_are(sample: Sample) -> None:
    bo, cy, ada = sample.people["Bo"], sample.people["Cy"], sample.people["Ada"]
    left = leave(bo, successor_id=ada)
    act("change_manager", employee_ids=[cy], manager_id=sample.people["Hana"])
    assert left_out(left) == {f"employees:{cy}:job": "It was changed again since."}
    assert one(bo).status is Status.ACTIVE
    assert one(cy).manager_id == sample.people["Hana"]
    assert one(sample.people["Dee"]).manager_id == bo


def test_reports_do_not_go_back_to_who_stays_away(sample: Sample) -> None:
    bo, cy = sample.people["Bo"], sample.people["Cy"]
    left = leave(bo, successor_id=sample.people["Ada"])
    assert refusal(left, only=[f"employees:{cy}"]) == "Cy Müller: Bo Lindqvist has left. Choose another manager."


def test_planned_change_that_took_effect_is_undone_with_what_it_did(sample: Sample, clock: Any) -> None:
    eli = sample.people["Eli"]
    before = told()
    planned = transfer(eli, sample.departments["Board"], today() + timedelta(days=3))
    assert one(eli).department_id == sample.departments["Platform"]
    clock.move(days=4)
    took_effect = do("take_effect", employee_ids=[eli])
    assert one(eli).department_id == sample.departments["Board"]
    assert "Undo what planned them" in refusal(took_effect)
    undo(planned)
    assert differences(before, told()) == {}


def test_return_is_undone_unless_somebody_depends_on_it(sample: Sample) -> None:
    flo = sample.people["Flo"]
    before = told()
    back = do("come_back", employee_ids=[flo])
    moved = do("change_manager", employee_ids=[sample.people["Eli"]], manager_id=flo)
    assert refusal(back) == "Flo Ng: Somebody reports to them by now. Find another manager first."
    undo(moved)
    account_id = account("staff", "flo@sample.example", flo)
    assert refusal(back) == "Flo Ng: Their account is switched on. Switch it off first."
    act("delete_user", user_id=account_id, version=1)
    undo(back)
    assert differences(before, told()) == {}


def test_raise_is_undone_and_a_second_one_keeps_it(sample: Sample) -> None:
    eli = sample.people["Eli"]
    before = told()
    first = do("raise_pay", employee_ids=[eli], amount="50000", currency="EUR", valid_from=AGO)
    second = do("raise_pay", employee_ids=[eli], percent="3")
    assert refusal(first) == "Eli García: It was changed again since."
    undo(second)
    undo(first)
    assert differences(before, told()) == {}


def test_first_day_and_what_goes_by_it_are_undone_together(sample: Sample) -> None:
    eli = sample.people["Eli"]
    before = history(eli, "status")
    moved = edit(eli, hired_on=TODAY - timedelta(days=10), probation_until=TODAY)
    edit(eli, probation_until=TODAY - timedelta(days=5))
    undo(moved, leave_out=True)
    assert history(eli, "status") == before
    assert one(eli).probation_until == TODAY - timedelta(days=5)


def test_dates_that_would_contradict_are_refused_in_words(sample: Sample) -> None:
    eli = sample.people["Eli"]
    edit(eli, probation_until="2021-08-01")
    longer = edit(eli, probation_until="2022-08-01")
    edit(eli, hired_on="2022-01-01")
    assert refusal(longer) == "Eli García: This is before the first day of work."


def test_manager_below_is_refused(sample: Sample) -> None:
    bo, cy = sample.people["Bo"], sample.people["Cy"]
    moved = do("change_manager", employee_ids=[cy], manager_id=sample.people["Hana"])
    act("change_manager", employee_ids=[bo], manager_id=cy)
    assert refusal(moved) == "The manager of then works below Cy Müller by now."
    assert one(cy).manager_id == sample.people["Hana"]


def test_rights_are_those_of_the_opposite_change(sample: Sample) -> None:
    eli = sample.people["Eli"]
    edited = edit(eli, phone="+999 1", notes="Else")
    assert "right" in refusal(edited, user(sample.users["auditor"]))
    assert one(eli).phone == "+999 1"
    undo(edited, user(sample.users["hr"]))
    assert one(eli).phone == "+999 104"


def test_people_undo_what_they_did_themselves_without_the_journal(sample: Sample) -> None:
    staff = user(sample.users["staff"])
    own = do("change_own_contact", staff, version=one(sample.people["Eli"]).version, values={"phone": "+999 1"})
    with pytest.raises(Forbidden):
        undo(own, user(sample.users["manager"]))
    undo(own, staff)
    assert one(sample.people["Eli"]).phone == "+999 104"
