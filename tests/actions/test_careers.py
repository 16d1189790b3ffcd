"""Other departments, managers and roles for one person or many, from a day on."""

from __future__ import annotations

from datetime import date

import pytest

from app.access.actor import by_user
from app.access.grants import Action, Scope, Subject
from app.actions import Source, run
from app.core.problems import Forbidden, NotFound
from tests.asking import asked
from tests.career import TODAY, TOMORROW, hire, history, leave, one, refused
from tests.sample import account, act

pytestmark = pytest.mark.usefixtures("context")
DAY = date(2024, 5, 1)


def test_transfer_moves_people_from_a_day_on(sample):
    people, board = sample.people, sample.departments["Board"]
    assert (
        act("transfer", employee_ids=[people["Dee"], people["Eli"]], department_id=board, valid_from="2024-05-01") == 2
    )
    for name in ("Dee", "Eli"):
        assert one(people[name]).department_id == board
        assert history(people[name], "department_id")[-1] == (DAY, None, board)
    assert one(people["Eli"]).manager_id == people["Cy"]


def test_transfer_with_a_manager_changes_both(sample):
    dee = sample.people["Dee"]
    arguments = {"employee_ids": [dee], "department_id": sample.departments["Board"]}
    act("transfer", **arguments, manager_id=sample.people["Ada"])
    assert history(dee, "manager_id")[-1] == (TODAY, None, sample.people["Ada"])
    act("transfer", **arguments, manager_id=None)
    assert one(dee).manager_id is None


def test_transfer_to_where_somebody_is_already_is_no_change(sample):
    before = history(sample.people["Dee"])
    act("transfer", employee_ids=[sample.people["Dee"]], department_id=sample.departments["Platform"], valid_from=DAY)
    assert history(sample.people["Dee"]) == before


def test_role_and_manager_change_from_a_day_on(sample):
    people, clerk = sample.people, sample.roles["Clerk"]
    act("assign_role", employee_ids=[people["Cy"]], role_id=clerk, valid_from=DAY)
    act("change_manager", employee_ids=[people["Cy"]], manager_id=people["Ada"], valid_from=TOMORROW)
    assert history(people["Cy"], "role_id", "manager_id")[1:] == [
        (DAY, TOMORROW, clerk, people["Bo"]),
        (TOMORROW, None, clerk, people["Ada"]),
    ]
    assert (one(people["Cy"]).role_id, one(people["Cy"]).manager_id) == (clerk, people["Bo"])


def test_new_job_begins_on_the_first_day_of_who_is_hired_for_later(sample):
    person = hire(hired_on=TOMORROW)
    act("assign_role", employee_ids=[person], role_id=sample.roles["Clerk"])
    assert history(person, "role_id") == [(TOMORROW, None, sample.roles["Clerk"])]
    assert one(person).role_id == sample.roles["Clerk"]


def test_what_can_not_be_chosen_is_refused_at_its_field(sample):
    people = sample.people
    cy = [people["Cy"]]
    for action, values, words in (
        ("transfer", {"department_id": None}, {"department_id": "Choose a department."}),
        ("assign_role", {"role_id": ""}, {"role_id": "Choose a role."}),
        ("change_manager", {"manager_id": people["Flo"]}, {"manager_id": "Flo Ng has left. Choose another manager."}),
        (
            "change_manager",
            {"manager_id": people["Eli"]},
            {"manager_id": "Eli García works below this person. Choose another manager."},
        ),
    ):
        assert refused(act, action, employee_ids=cy, **values) == words
    assert refused(act, "change_manager", employee_ids=[people["Dee"], *cy], manager_id=people["Eli"]) == {
        "manager_id": "Eli García works below Cy Müller. Choose another manager."
    }
    assert refused(act, "change_manager", employee_ids=[], manager_id=None) == {"": "Choose at least one person."}
    with pytest.raises(NotFound):
        act("change_manager", employee_ids=[*cy, 10**6], manager_id=None)


def test_errors_of_many_say_whom_they_are_about_and_nobody_moves(sample):
    people, board = sample.people, sample.departments["Board"]
    everybody = [people["Dee"], people["Flo"], people["Hana"]]
    assert refused(act, "transfer", employee_ids=everybody, department_id=board, valid_from=date(2021, 1, 1)) == {
        "valid_from": "Flo Ng: This is after the last day of work. Hana 山田: This is before the first day of work."
    }
    assert history(people["Dee"]) == [(date(2018, 9, 3), None)]


def test_circle_is_looked_for_in_the_organisation_of_that_day(sample):
    people = sample.people
    act("change_manager", employee_ids=[people["Cy"]], manager_id=people["Ada"], valid_from=TOMORROW)
    act("change_manager", employee_ids=[people["Bo"]], manager_id=people["Cy"], valid_from=TOMORROW)
    assert refused(act, "change_manager", employee_ids=[people["Bo"]], manager_id=people["Cy"]).keys() == {"manager_id"}
    leave(people["Hana"], TODAY)
    leave(people["Dee"], TOMORROW)
    later = {"employee_ids": [people["Eli"]], "manager_id": people["Dee"]}
    words = "Dee O'Hara leaves before that day. Choose another manager."
    assert refused(act, "change_manager", **later, valid_from=date(2199, 1, 1)) == {"manager_id": words}
    act("change_manager", **later)


def test_right_is_asked_for_each_person(sample, make_role):
    grants = {
        (Action.VIEW, Subject.DIRECTORY): Scope.ALL,
        (Action.EDIT, Subject.DIRECTORY): Scope.REPORTS,
        (Action.EDIT, Subject.COMPENSATION): Scope.REPORTS,
        (Action.DELETE, Subject.EMPLOYMENT): Scope.REPORTS,
        (Action.EDIT, Subject.EMPLOYMENT): Scope.REPORTS,
    }
    people = sample.people
    dee_above = act("hire", values={"number": "L", "first_name": "L", "hired_on": DAY, "manager_id": people["Ada"]})
    act("change_manager", employee_ids=[people["Dee"], people["Flo"]][:1], manager_id=dee_above)
    actor = by_user(account(make_role("leader", grants), "leader@sample.example", dee_above))
    mine, other = people["Dee"], people["Eli"]
    for action, arguments in (
        ("transfer", {"department_id": sample.departments["Board"]}),
        ("change_manager", {"manager_id": dee_above}),
        ("assign_role", {"role_id": sample.roles["Clerk"]}),
        ("raise_pay", {"amount": 1, "currency": "EUR"}),
        ("leave", {"left_on": TODAY}),
        ("come_back", {"valid_from": TOMORROW}),
    ):
        with pytest.raises(Forbidden):
            run(action, actor=actor, source=Source.PANEL, employee_ids=[mine, other], **arguments)
        run(action, actor=actor, source=Source.PANEL, employee_ids=[mine], **arguments)
    with pytest.raises(Forbidden):
        run("take_effect", actor=actor, source=Source.PANEL, employee_ids=[mine])


def test_no_more_is_asked_for_many_people_than_for_a_few(sample):
    people, board = sample.people, sample.departments["Board"]
    crowd = [hire(f"C{i}", manager_id=people["Dee"]) for i in range(40)]

    def taken(some):
        with asked() as statements:
            act("transfer", employee_ids=some, department_id=board, manager_id=people["Ada"], valid_from=DAY)
            act("raise_pay", employee_ids=some, amount=100, currency="EUR", valid_from=DAY)
            act("leave", employee_ids=some, left_on=TODAY)
            act("come_back", employee_ids=some, valid_from=TOMORROW, manager_id=people["Ada"])
        return len(statements)

    few = taken(crowd[:3])
    assert taken(crowd[3:]) == few
    assert few < 80
