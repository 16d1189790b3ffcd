"""Which people an actor reaches, scope by scope, and that lists tell nothing about the others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from sqlalchemy import false, select, update

from app.access.actor import Actor, by_user, operator
from app.access.grants import FIELDS, GROUP_OF, OWN_CONTACT, Action, Scope, Subject
from app.access.visible import departments_below, may, reach, require, visible
from app.actions import Source, run
from app.core.problems import Forbidden, NotFound
from app.extensions import db
from app.people.employee import Employee
from app.reading import lookups, people, person
from app.reading.people import FILTERS, SORTS, Wanted
from tests.sample import Sample, account, act
from tests.writing import KNOWINGLY

pytestmark = pytest.mark.usefixtures("context")

EVERYBODY = {"Ada", "Bo", "Cy", "Dee", "Eli", "Flo", "Hana"}
HERE = EVERYBODY - {"Flo"}
VIEW, EDIT, EXPORT = Action.VIEW, Action.EDIT, Action.EXPORT
DIRECTORY, EMPLOYMENT, PRIVATE = Subject.DIRECTORY, Subject.EMPLOYMENT, Subject.PRIVATE
Maker = Callable[..., Actor]


@pytest.fixture
def actor_of(sample: Sample, make_role: Callable[..., str]) -> Maker:
    """Give a function that makes an account of somebody's with an access role of just these grants."""

    def make(name: str | None, grants: dict[tuple[Action, Subject], Scope]) -> Actor:
        employee_id = sample.people[name] if name else None
        for user_id in sample.users.values():  # the sample's accounts make room: an employee has one at the most
            user = by_user(user_id)
            if user and employee_id and user.employee_id == employee_id:
                act("change_user", user_id=user_id, version=1, values={"employee_id": None})
        role = make_role(f"only {name}", grants)
        actor = by_user(account(role, "only@sample.example", employee_id))
        assert actor is not None
        return actor

    return make


def names(condition) -> set[str]:
    """Return the first names of who meets a condition."""
    return set(db.session.scalars(select(Employee.first_name).where(condition)))


def listed(actor: Actor, **wanted) -> list[str]:
    """Return the first names of a list, in its order."""
    page = people.people(actor, Wanted(size=200, **wanted))
    assert page.count == len(page.rows)
    return [row.first_name for row in page.rows]


BELOW = {"Ada": {"Bo", "Cy", "Dee", "Eli", "Hana"}, "Bo": {"Cy", "Dee", "Eli"}, "Cy": {"Eli"}, "Eli": set()}
TOGETHER = {"Ada": HERE | {"Flo"}, "Bo": {"Bo", "Cy", "Dee", "Eli", "Flo"}, "Eli": {"Dee", "Eli", "Flo"}}


@pytest.mark.parametrize("name", ["Ada", "Bo", "Cy", "Eli"])
def test_reports_are_everyone_below_at_any_depth(actor_of: Maker, name: str) -> None:
    actor = actor_of(name, {(action, EMPLOYMENT): Scope.REPORTS for action in Action})
    assert names(reach(actor, VIEW, EMPLOYMENT)) == BELOW[name] | {name}
    for action in set(Action) - {VIEW}:
        assert names(reach(actor, action, EMPLOYMENT)) == BELOW[name]


@pytest.mark.parametrize("name", ["Ada", "Bo", "Eli"])
def test_department_reaches_those_below_it_too(actor_of: Maker, name: str) -> None:
    actor = actor_of(name, {(action, EMPLOYMENT): Scope.DEPARTMENT for action in Action})
    assert names(reach(actor, VIEW, EMPLOYMENT)) == TOGETHER[name]
    for action in set(Action) - {VIEW}:
        assert names(reach(actor, action, EMPLOYMENT)) == TOGETHER[name] - {name}


def test_self_and_all_reach_just_that_whatever_is_done(actor_of: Maker) -> None:
    grants = {(action, PRIVATE): Scope.SELF for action in Action} | {
        (action, DIRECTORY): Scope.ALL for action in Action
    }
    actor = actor_of("Cy", grants)
    for action in Action:
        assert names(reach(actor, action, PRIVATE)) == {"Cy"}
        assert names(reach(actor, action, DIRECTORY)) == EVERYBODY
        assert names(reach(actor, action, Subject.NOTES)) == set()
        assert reach(actor, action, Subject.NOTES).compare(false())  # a plain no, not an unknown that NOT would keep


def test_account_without_an_employee_reaches_nobody_by_a_narrow_scope(actor_of: Maker) -> None:
    grants = {
        (VIEW, DIRECTORY): Scope.SELF,
        (VIEW, EMPLOYMENT): Scope.REPORTS,
        (VIEW, PRIVATE): Scope.DEPARTMENT,
        (VIEW, Subject.NOTES): Scope.ALL,
    }
    actor = actor_of(None, grants)
    for subject in (DIRECTORY, EMPLOYMENT, PRIVATE):
        assert names(reach(actor, VIEW, subject)) == set()
    assert names(reach(actor, VIEW, Subject.NOTES)) == EVERYBODY


def test_nobody_without_department_shares_one_with_others_who_have_none(actor_of: Maker, sample: Sample) -> None:
    for name in ("Dee", "Hana"):
        values = {"department_id": None}
        act("change_employee", employee_id=sample.people[name], version=1, values=values)
    actor = actor_of("Hana", {(VIEW, EMPLOYMENT): Scope.DEPARTMENT, (EDIT, EMPLOYMENT): Scope.DEPARTMENT})
    assert names(reach(actor, VIEW, EMPLOYMENT)) == {"Hana"}
    assert names(reach(actor, EDIT, EMPLOYMENT)) == set()


def test_circle_of_managers_ends_and_gives_nobody_a_right_on_themselves(actor_of: Maker, sample: Sample) -> None:
    actor = actor_of("Bo", {(VIEW, EMPLOYMENT): Scope.REPORTS, (EDIT, EMPLOYMENT): Scope.REPORTS})
    circle = update(Employee).where(Employee.id == sample.people["Bo"]).values(manager_id=sample.people["Eli"])
    db.session.execute(circle, execution_options=KNOWINGLY)
    assert names(reach(actor, VIEW, EMPLOYMENT)) == {"Bo", "Cy", "Dee", "Eli"}
    assert names(reach(actor, EDIT, EMPLOYMENT)) == {"Cy", "Dee", "Eli"}
    assert not may(actor, EDIT, EMPLOYMENT, sample.people["Bo"])
    db.session.rollback()


def test_departments_below_are_found_at_any_depth(sample: Sample) -> None:
    found = {
        name: {row[0] for row in db.session.execute(departments_below(row_id))}
        for name, row_id in sample.departments.items()
    }
    ids = sample.departments
    assert found == {
        "Board": set(ids.values()),
        "Engineering": {ids["Engineering"], ids["Platform"]},
        "Platform": {ids["Platform"]},
    }


# visible


def test_leavers_are_hidden_from_who_may_not_see_their_employment(actor_of: Maker, sample: Sample) -> None:
    staff, manager, auditor = (by_user(sample.users[role]) for role in ("staff", "manager", "auditor"))
    assert names(visible(staff)) == HERE
    assert names(visible(manager)) == HERE
    assert names(visible(auditor)) == EVERYBODY
    assert names(visible(operator())) == EVERYBODY
    platform = actor_of("Dee", {(VIEW, DIRECTORY): Scope.ALL, (VIEW, EMPLOYMENT): Scope.DEPARTMENT})
    assert names(visible(platform)) == EVERYBODY


def test_leaver_is_hidden_also_where_only_other_groups_are_asked_for(actor_of: Maker) -> None:
    actor = actor_of("Cy", {(VIEW, DIRECTORY): Scope.ALL, (VIEW, PRIVATE): Scope.ALL, (VIEW, EMPLOYMENT): Scope.SELF})
    assert names(visible(actor, PRIVATE)) == HERE
    assert names(visible(actor, PRIVATE, EMPLOYMENT)) == {"Cy"}


def test_other_rights_everywhere_show_no_leaver(actor_of: Maker) -> None:
    grants = {(action, EMPLOYMENT): Scope.ALL for action in set(Action) - {VIEW}}
    grants |= {(VIEW, subject): Scope.ALL for subject in set(Subject) - {EMPLOYMENT}}
    actor = actor_of("Cy", grants)
    assert names(visible(actor)) == HERE
    assert names(visible(actor, PRIVATE)) == HERE
    assert names(visible(actor, EMPLOYMENT)) == set()


def test_every_group_asked_for_has_to_be_visible(actor_of: Maker) -> None:
    grants = {(VIEW, DIRECTORY): Scope.DEPARTMENT, (VIEW, EMPLOYMENT): Scope.ALL, (VIEW, PRIVATE): Scope.REPORTS}
    actor = actor_of("Bo", grants)
    assert names(visible(actor)) == {"Bo", "Cy", "Dee", "Eli", "Flo"}
    assert names(visible(actor, EMPLOYMENT)) == {"Bo", "Cy", "Dee", "Eli", "Flo"}
    assert names(visible(actor, PRIVATE)) == {"Bo", "Cy", "Dee", "Eli"}
    assert names(visible(actor, PRIVATE, EMPLOYMENT)) == {"Bo", "Cy", "Dee", "Eli"}
    assert names(visible(actor, PRIVATE, Subject.NOTES)) == set()


def test_nobody_is_visible_without_the_directory(actor_of: Maker) -> None:
    actor = actor_of("Bo", {(VIEW, EMPLOYMENT): Scope.ALL, (VIEW, PRIVATE): Scope.ALL})
    for subjects in ((), (EMPLOYMENT,), (PRIVATE,)):
        assert names(visible(actor, *subjects)) == set()


# may and require


def test_may_agrees_with_reach_for_everybody(actor_of: Maker, sample: Sample) -> None:
    grants = {
        (VIEW, DIRECTORY): Scope.ALL,
        (EDIT, DIRECTORY): Scope.REPORTS,
        (EDIT, EMPLOYMENT): Scope.DEPARTMENT,
        (VIEW, PRIVATE): Scope.SELF,
    }
    actor = actor_of("Bo", grants)
    for action, subject in [*grants, (EXPORT, DIRECTORY), (Action.DELETE, EMPLOYMENT)]:
        reached = names(reach(actor, action, subject))
        for name, employee_id in sample.people.items():
            is_allowed = may(actor, action, subject, employee_id)
            assert is_allowed == (name in reached), (action, subject, name)
            if is_allowed:
                require(actor, action, subject, employee_id)
            else:
                with pytest.raises(Forbidden):
                    require(actor, action, subject, employee_id)


def test_may_asks_the_database_only_where_the_scope_needs_it(actor_of: Maker, sample: Sample, monkeypatch) -> None:
    actor = actor_of("Bo", {(VIEW, DIRECTORY): Scope.ALL, (EDIT, DIRECTORY): Scope.REPORTS})
    asked = []
    monkeypatch.setattr(db.session, "execute", lambda query, _real=db.session.execute: asked.append(1) or _real(query))
    assert may(actor, VIEW, DIRECTORY, sample.people["Hana"])
    assert not may(actor, VIEW, PRIVATE, sample.people["Hana"])
    assert asked == []
    assert may(actor, EDIT, DIRECTORY, sample.people["Eli"])
    assert asked == [1]


# What lists tell


@pytest.fixture
def bo(actor_of: Maker) -> Actor:
    """Give somebody who sees the whole directory, and the employment of those below."""
    return actor_of("Bo", {(VIEW, DIRECTORY): Scope.ALL, (VIEW, EMPLOYMENT): Scope.REPORTS})


def test_sorting_drops_who_can_not_be_seen_by_that_field(bo: Actor) -> None:
    for sort in SORTS:
        seen = {"Bo", "Cy", "Dee", "Eli"} if GROUP_OF.get(sort) is EMPLOYMENT else HERE
        for is_descending in (False, True):
            assert set(listed(bo, sort=sort, is_descending=is_descending)) == seen, sort


def test_every_sort_and_filter_names_the_group_of_its_column() -> None:
    for name, column in SORTS.items():
        field = column.key.removesuffix("_key")
        assert GROUP_OF.get(name, DIRECTORY) == GROUP_OF.get(field, DIRECTORY), name
    by_field = {"hired": "hired_on", "left": "left_on", "is": "status", "reports": "status", "status": "status"}
    for name, chosen in FILTERS.items():
        first = name.partition("_")[0]
        field = name if name in GROUP_OF else by_field.get(first, f"{first}_id")
        assert chosen.subject == GROUP_OF[field], name


VALUES = {
    "status": ["active", "left", "on_leave"],
    "is_here": ["0", "1"],
    "employment_type": ["permanent", "contractor"],
    "left_from": ["2000-01-01"],
    "left_to": ["2100-01-01"],
    "reports_from": ["0", "1"],
    "reports_to": ["0", "50"],
}


def test_filter_by_a_field_drops_whose_field_can_not_be_seen(bo: Actor) -> None:
    assert set(VALUES) == {name for name, chosen in FILTERS.items() if chosen.subject is EMPLOYMENT}
    for name, values in VALUES.items():
        for value in values:
            assert set(listed(bo, filters={name: value})) <= {"Bo", "Cy", "Dee", "Eli"}, (name, value)
    assert set(listed(bo, filters={"is_here": "1"})) == {"Bo", "Cy", "Dee", "Eli"}


def test_filters_add_up_and_one_hidden_field_is_enough(bo: Actor, sample: Sample) -> None:
    board = str(sample.departments["Board"])
    assert set(listed(bo, filters={"department": board})) == {"Ada", "Hana"}
    assert listed(bo, filters={"department": board, "status": "active"}) == []
    assert listed(bo, filters={"department": board}, sort="status") == []
    assert listed(bo, filters={"department": board}, subject=EMPLOYMENT) == []


def test_search_finds_nobody_by_a_group_that_is_not_the_directory(sample: Sample) -> None:
    values = {"notes": "Zanzibar", "home_address": "Quux Lane 9", "personal_email": "hidden@home.example"}
    act("change_employee", employee_id=sample.people["Ada"], version=1, values=values)
    for actor in (operator(), by_user(sample.users["staff"])):
        for typed in ("Zanzibar", "Quux", "hidden", "hidden@home.example"):
            assert listed(actor, search=typed) == []
    assert listed(by_user(sample.users["staff"]), search="flo") == []
    assert listed(operator(), search="flo") == ["Flo"]


def test_row_says_whose_employment_may_be_seen(bo: Actor) -> None:
    rows = people.people(bo, Wanted(size=200)).rows
    assert {row.first_name for row in rows if row.sees_employment} == {"Bo", "Cy", "Dee", "Eli"}


def test_lookups_offer_whom_the_directory_shows(actor_of: Maker, sample: Sample) -> None:
    actor = actor_of("Bo", {(VIEW, DIRECTORY): Scope.REPORTS})
    ids = {sample.people[name] for name in ("Bo", "Cy", "Dee", "Eli")}
    assert {row_id for row_id, _label in lookups.employees(actor, "10")} == ids
    asked = [("employee", row_id) for row_id in sample.people.values()]
    assert {row_id for _kind, row_id in lookups.labels(actor, asked)} == ids
    with pytest.raises(Forbidden):
        lookups.departments(actor, "")
    assert lookups.labels(actor, [("department", sample.departments["Board"]), ("role", sample.roles["Clerk"])]) == {}


def test_record_holds_the_groups_that_may_be_seen_and_no_others(actor_of: Maker, sample: Sample) -> None:
    grants = {
        (VIEW, DIRECTORY): Scope.ALL,
        (VIEW, PRIVATE): Scope.REPORTS,
        (EDIT, PRIVATE): Scope.REPORTS,
        (VIEW, Subject.NOTES): Scope.DEPARTMENT,
        (Action.DELETE, EMPLOYMENT): Scope.REPORTS,
    }
    actor = actor_of("Bo", grants)
    expected = {
        "Eli": ({DIRECTORY, PRIVATE, Subject.NOTES}, [PRIVATE], True),
        "Bo": ({DIRECTORY, PRIVATE, Subject.NOTES}, [], False),
        "Ada": ({DIRECTORY}, [], False),
    }
    for name, (groups, editable, may_delete) in expected.items():
        record = person.by_id(actor, sample.people[name])
        assert set(record.groups) == groups, name
        assert set(record.values) == {field for group in groups for field in FIELDS[group]}, name
        assert (record.editable, record.may_delete) == (editable, may_delete), name
    with pytest.raises(NotFound):
        person.by_id(actor, sample.people["Flo"])
    with pytest.raises(NotFound):
        person.by_id(actor, sample.people["Eli"], EMPLOYMENT)


def test_export_leaves_out_what_may_not_be_taken_away(actor_of: Maker) -> None:
    grants = {
        (VIEW, DIRECTORY): Scope.ALL,
        (VIEW, EMPLOYMENT): Scope.ALL,
        (VIEW, PRIVATE): Scope.ALL,
        (EXPORT, DIRECTORY): Scope.DEPARTMENT,
        (EXPORT, PRIVATE): Scope.REPORTS,
    }
    actor = actor_of("Bo", grants)
    found = {row["first_name"]: row for row in people.export(actor, Wanted(), (DIRECTORY, PRIVATE))}
    assert set(found) == {"Cy", "Dee", "Eli", "Flo"}  # of those taken away nobody takes themselves
    assert found["Eli"]["home_address"] == "104 Home Street"
    assert found["Flo"]["home_address"] is None
    assert "notes" not in found["Eli"]


def test_every_field_of_an_employee_is_in_one_group() -> None:
    columns = {column.key for column in Employee.__table__.columns}
    apart = {"id", "version", "number_key", "name_key", "email_key"}
    assert set(GROUP_OF) == columns - apart
    assert sum(len(fields) for fields in FIELDS.values()) == len(GROUP_OF)
    assert set(OWN_CONTACT) <= set(GROUP_OF)


# Changing


def test_who_may_edit_reports_can_not_edit_themselves_nor_others(actor_of: Maker, sample: Sample) -> None:
    grants = {(VIEW, DIRECTORY): Scope.ALL, (VIEW, EMPLOYMENT): Scope.REPORTS}
    grants |= {(EDIT, DIRECTORY): Scope.REPORTS, (EDIT, EMPLOYMENT): Scope.REPORTS}
    grants[(Action.DELETE, EMPLOYMENT)] = Scope.REPORTS
    actor = actor_of("Bo", grants)

    def change(name: str, **values: object) -> None:
        employee_id = sample.people[name]
        run("change_employee", actor=actor, source=Source.PANEL, employee_id=employee_id, version=1, values=values)

    for name in ("Bo", "Ada", "Hana", "Flo"):
        for values in ({"phone": "+1"}, {"legal_entity": "Mine"}, {"phone": "+1", "legal_entity": "Mine"}):
            with pytest.raises(Forbidden):
                change(name, **values)
        wanted = {"actor": actor, "source": Source.PANEL, "version": 1}
        with pytest.raises(Forbidden):
            run("leave", **wanted, employee_ids=[sample.people[name]], left_on=date(2026, 1, 1))
        with pytest.raises(Forbidden):
            run("delete_employee", **wanted, employee_id=sample.people[name])
    for values in ({"notes": "x"}, {"phone": "+1", "birth_date": "2000-01-01"}, {"home_address": None}):
        with pytest.raises(Forbidden):
            change("Eli", **values)
    change("Eli", phone="+1", legal_entity="Theirs")
    db.session.rollback()
    assert names(Employee.phone == "+1") == names(Employee.legal_entity == "Theirs") == {"Eli"}
    assert names(Employee.legal_entity == "Mine") == set()
