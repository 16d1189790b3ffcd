"""The journal as it is read: who sees what of it, what narrows it, and how it is told."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import event

from app import actions
from app.access.actor import by_user, operator
from app.access.grants import Action, Scope, Subject
from app.accounts.models import User
from app.actions import Source
from app.changes import journal as writing
from app.changes.journal import Origin
from app.changes.tracking import Change, Operation
from app.changes.transaction import write
from app.core.clock import now, today
from app.core.jobs.job import Job, State
from app.core.problems import Forbidden, NotFound
from app.extensions import db
from app.people.employee import Employee
from app.reading import journal
from app.reading.journal import Wanted
from app.reading.journal_rights import WITHIN
from app.reading.news import news
from app.reading.paging import Place
from app.ui.differences import described, described_each
from tests.sample import account, act, stored
from tests.writing import empty_journal

pytestmark = pytest.mark.usefixtures("context")

EVERYBODY = {(Action.VIEW, subject): Scope.ALL for subject in (Subject.DIRECTORY, Subject.JOURNAL)}
HOME, NOTE, PAY = "7 Secret Street", "A secret note", "123456"


@pytest.fixture
def begun(sample):
    """Return the moment from which on a test's changes are told, in a journal that holds no earlier ones."""
    empty_journal()
    return now().isoformat()


@pytest.fixture
def told(sample, begun):
    """Return by name the sets that tell of a field of each group, and of what is nobody's."""

    def last(name, /, **arguments):
        outcome = actions.run(name, actor=operator(), source=Source.CLI, reason=f"why {name}", **arguments)
        return outcome.change_set_id

    def eli(**values):
        version = stored_version(Employee, sample.people["Eli"])
        return last("change_employee", employee_id=sample.people["Eli"], version=version, values=values)

    return {
        "phone": eli(phone="+1 555"),
        "mixed": eli(phone="+1 556", home_address=HOME),
        "notes": eli(notes=NOTE),
        "pay": last(
            "raise_pay",
            employee_ids=[sample.people["Eli"]],
            valid_from="2025-01-01",
            amount=PAY,
            currency="EUR",
            period="year",
        ),
        "fte": eli(fte="0.5"),
        "role": last("change_role", role_id=sample.roles["Clerk"], version=1, values={"family": "Office"}),
        "user": last("change_user", user_id=sample.users["staff"], version=1, values={"email": "eli@else.example"}),
    }


def stored_version(model, row_id):
    db.session.rollback()
    return db.session.get_one(model, row_id).version


def found(actor, begun, /, **filters):
    """Return the ids of the sets in a list, the newest first; the count has to agree."""
    page = journal.sets(actor, Wanted({"from": begun, **{k: str(v) for k, v in filters.items()}}, size=200))
    assert page.count == len(page.rows)
    return [entry.id for entry in page.rows]


def names(told, ids):
    """Return what sets are called here."""
    known = {set_id: name for name, set_id in told.items()}
    return {known[set_id] for set_id in ids}


def text_of(actor, entries):
    """Return all that a page would say of these sets."""
    return str(described_each(actor, [entry.changes for entry in entries], within=WITHIN))


# Who sees what


@pytest.mark.parametrize(
    ("role", "seen"),
    [
        ("administrator", {"phone", "mixed", "notes", "pay", "fte", "role", "user"}),
        ("hr", {"phone", "mixed", "notes", "pay", "fte", "role"}),
        ("auditor", {"phone", "mixed", "fte", "role", "user"}),
    ],
)
def test_set_is_listed_when_something_of_it_may_be_seen(sample, told, begun, role, seen):
    actor = by_user(sample.users[role])
    assert names(told, found(actor, begun)) == seen
    for name, set_id in told.items():
        if name in seen:
            assert journal.one(actor, set_id).entry.id == set_id
        else:
            with pytest.raises(NotFound):
                journal.one(actor, set_id)


@pytest.mark.parametrize("role", ["manager", "staff"])
def test_without_the_right_there_is_no_journal(sample, told, role):
    actor = by_user(sample.users[role])
    for read in (
        lambda: journal.sets(actor, Wanted()),
        lambda: journal.one(actor, told["phone"]),
        lambda: news(actor, now()),
        lambda: list(journal.latest(actor, 5)),
    ):
        with pytest.raises(Forbidden):
            read()


def test_hidden_values_are_only_counted(sample, told, begun):
    actor = by_user(sample.users["auditor"])
    entries = journal.sets(actor, Wanted({"from": begun})).rows
    entries += [journal.one(actor, entry.id).entry for entry in entries]
    words = text_of(actor, entries)
    assert "+1 556" in words
    assert not [secret for secret in (HOME, NOTE, PAY, "123,456", "address", "Pay") if secret in words]
    mixed = described(actor, journal.one(actor, told["mixed"]).entry.changes, within=WITHIN)
    assert [(item.hidden, [line.label for line in item.lines]) for item in mixed] == [(1, ["Phone"])]
    hr = by_user(sample.users["hr"])
    words = text_of(hr, journal.sets(hr, Wanted({"from": begun})).rows)
    assert all(secret in words for secret in (HOME, NOTE, "123,456"))


def test_filter_by_a_field_finds_only_what_may_be_seen(sample, told, begun):
    auditor, hr = (by_user(sample.users[role]) for role in ("auditor", "hr"))
    for field, seen in (
        ("phone", {"phone", "mixed"}),
        ("home_address", {"mixed"}),
        ("notes", {"notes"}),
        ("amount", {"pay"}),
        ("fte", {"fte"}),
        ("family", {"role"}),
        ("email", set()),
    ):
        assert names(told, found(hr, begun, field=field)) == seen, field
        hidden = field in ("home_address", "notes", "amount")
        assert names(told, found(auditor, begun, field=field)) == (set() if hidden else seen or {"user"}), field
    assert names(told, found(auditor, begun, entity="pay")) == set()
    assert names(told, found(auditor, begun, entity="employees", field="notes")) == set()


def test_reach_narrows_whose_changes_are_seen(sample, told, begun, make_role):
    """Bo sees the employment of those below him; who works here is for everybody."""
    grants = EVERYBODY | {(Action.VIEW, Subject.EMPLOYMENT): Scope.REPORTS}
    user_id = account(make_role("lead", grants), "lead@sample.example")
    act("change_user", user_id=sample.users["manager"], version=1, values={"employee_id": None})
    act("change_user", user_id=user_id, version=1, values={"employee_id": sample.people["Bo"]})
    actor = by_user(user_id)
    assert names(told, found(actor, begun, person=sample.people["Eli"])) == {"phone", "mixed", "fte"}
    ada = act_on(sample, "Ada", fte="0.8", phone="+1 777")
    assert found(actor, begun, person=sample.people["Ada"]) == [ada]
    assert found(actor, begun, person=sample.people["Ada"], field="fte") == []
    words = text_of(actor, [journal.one(actor, ada).entry])
    assert "+1 777" in words
    assert "0.8" not in words


def act_on(sample, name, /, **values):
    """Change somebody's record; return the set."""
    version = stored_version(Employee, sample.people[name])
    arguments = {"employee_id": sample.people[name], "version": version, "values": values}
    return actions.run("change_employee", actor=operator(), source=Source.CLI, **arguments).change_set_id


def test_journal_of_one_s_own_is_of_oneself(sample, told, begun, make_role):
    grants = {
        (Action.VIEW, Subject.DIRECTORY): Scope.ALL,
        (Action.VIEW, Subject.PRIVATE): Scope.SELF,
        (Action.VIEW, Subject.ORGANISATION): Scope.ALL,
        (Action.VIEW, Subject.JOURNAL): Scope.SELF,
    }
    user_id = account(make_role("selfish", grants), "own@sample.example", sample.people["Dee"])
    own = act_on(sample, "Dee", home_address="9 Own Street")
    actor = by_user(user_id)
    assert found(actor, begun) == [own]
    assert found(actor, begun, person=sample.people["Eli"]) == []


def test_who_left_is_told_of_only_with_their_employment(sample, begun, make_role):
    left = act_on(sample, "Flo", phone="+1 999")
    assert left in found(by_user(sample.users["auditor"]), begun)
    actor = by_user(account(make_role("plain", EVERYBODY), "plain@sample.example"))
    assert left not in found(actor, begun)
    assert found(actor, begun, person=sample.people["Flo"]) == []
    # As somebody else's manager they have no name either.
    change = Change(
        "employees", sample.people["Eli"], sample.people["Eli"], Operation.UPDATE, {"manager_id": sample.people["Flo"]}
    )
    assert "Flo" not in str(described(actor, [change]))
    assert "somebody you may not see" in str(described(actor, [change]))


def test_who_was_deleted_is_told_of_by_name_to_those_who_see_everybody(sample, begun):
    new = act("hire", values={"number": "900", "first_name": "Gone", "last_name": "Soon", "hired_on": today()})
    act_on_id = actions.run(
        "change_employee", actor=operator(), source=Source.CLI, employee_id=new, version=1, values={"phone": "+1 1"}
    ).change_set_id
    act("delete_employee", employee_id=new, version=stored_version(Employee, new))
    for role, seen in (("hr", 3), ("auditor", 3), ("administrator", 3)):
        actor = by_user(sample.users[role])
        assert len(found(actor, begun, person=new)) == seen
        item = described(actor, journal.one(actor, act_on_id).entry.changes, within=WITHIN)[0]
        assert (item.name, item.url) == ("Gone Soon", None)


def test_who_was_deleted_is_hidden_from_those_whose_sight_is_narrower(sample, begun, make_role):
    new = act("hire", values={"number": "900", "first_name": "Gone", "hired_on": today()})
    act("delete_employee", employee_id=new, version=1)
    grants = EVERYBODY | {(Action.VIEW, Subject.EMPLOYMENT): Scope.REPORTS}
    actor = by_user(account(make_role("narrow", grants), "narrow@sample.example", sample.people["Dee"]))
    assert found(actor, begun) == []
    assert found(actor, begun, person=new) == []


# What narrows the list


def test_filters(sample, told, begun):
    hr = by_user(sample.users["hr"])
    own = actions.run(
        "change_own_contact", actor=hr, source=Source.WEB, version=1, values={"phone": "+1 2"}
    ).change_set_id
    told = told | {"own": own}
    tomorrow = (today() + timedelta(days=1)).isoformat()
    for filters, seen in (
        ({"person": sample.people["Eli"]}, {"phone", "mixed", "notes", "pay", "fte"}),
        ({"person": sample.people["Eli"], "entity": "pay"}, {"pay"}),
        ({"by": sample.people["Hana"]}, {"own"}),
        ({"by": sample.people["Ada"]}, set()),
        ({"source": "web"}, {"own"}),
        ({"action": "change_role"}, {"role"}),
        ({"role": sample.roles["Clerk"]}, {"role"}),
        ({"department": sample.departments["Board"]}, set()),
        ({"entity": "roles"}, {"role"}),
        ({"user": sample.users["staff"]}, set()),
        ({"until": today().isoformat()}, set(told) - {"user"}),
        ({"from": tomorrow}, set()),
        ({"person": "x"}, set()),
        ({"from": "soon"}, set()),
        ({"from": "0001-01-01T00:00:00+14:00"}, set()),
        ({"until": "9999-12-31"}, set()),
        ({"field": "%"}, set()),
        ({"entity": "'"}, set()),
        ({"made_up": "1"}, set(told) - {"user"}),
    ):
        assert names(told, found(hr, begun, **filters)) == seen, filters
    administrator = by_user(sample.users["administrator"])
    assert names(told, found(administrator, begun, user=sample.users["staff"])) == {"user"}
    assert names(told, found(administrator, begun, user="ELI@else.example")) == {"user"}


def test_pages_hold_each_set_once(sample, told, begun):
    actor = by_user(sample.users["auditor"])
    everything, seen, place = found(actor, begun), [], Place()
    while place:
        page = journal.sets(actor, Wanted({"from": begun}, place=place, size=2))
        assert page.count == len(everything)
        seen += [entry.id for entry in page.rows]
        place = Place(after=page.next) if page.next else None
    assert seen == everything
    last = journal.sets(actor, Wanted({"from": begun}, place=Place(is_last=True), size=2))
    assert [entry.id for entry in last.rows] == everything[-2:]
    for cursor in ("x", "WyIyMDI2LTAxLTAxIiwgMV0", "WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzE0OjAwIiwgMV0"):
        page = journal.sets(actor, Wanted({"from": begun}, place=Place(after=cursor), size=2))
        assert [entry.id for entry in page.rows] == everything[:2]


def test_set_without_a_change_is_for_who_sees_accounts(sample, begun):
    set_id = write(lambda: writing.record(Origin("make_sign_in_link", "cli"), []))
    assert found(by_user(sample.users["auditor"]), begun) == [set_id]
    assert found(by_user(sample.users["administrator"]), begun) == [set_id]
    assert found(by_user(sample.users["hr"]), begun) == []


def test_large_set_is_read_in_parts_that_keep_people_whole(sample, begun):
    def stretch(row_id):
        values = {"valid_to": date(2026, 1, 1)}
        return Change("assignments", row_id, 5000 + row_id, Operation.UPDATE, {"valid_to": None}, values)

    def record(count):
        ids = range(1, count + 1)
        records = [
            Change("employees", 5000 + i, 5000 + i, Operation.UPDATE, {"phone": None}, {"phone": i}) for i in ids
        ]
        return records + [stretch(i) for i in ids]

    set_id = write(lambda: writing.record(Origin("transfer", "system"), record(80)))
    write(lambda: writing.record(Origin("transfer", "system"), record(3), within=set_id))
    entry = journal.sets(operator(), Wanted({"from": begun})).rows[0]
    assert (entry.id, entry.records, len(entry.changes)) == (set_id, 166, journal.SHOWN)
    parts = [journal.one(operator(), set_id, number) for number in (1, 2, 3)]
    assert {part.parts for part in parts} == {3}
    people = [[change.person_id for change in part.entry.changes] for part in parts]
    assert sum(map(len, people)) == 166
    assert not set(people[0]) & set(people[1])
    assert all(
        len(described(operator(), part.entry.changes)) == len(set(seen))
        for part, seen in zip(parts, people, strict=True)
    )
    assert journal.one(operator(), set_id, 99).number == 3


def test_open_undone_and_undoing_sets_say_so(sample, told, begun):
    undo = write(lambda: writing.record(Origin("undo", "system", undoes_id=told["phone"]), []))
    at = now()
    job = Job(action="transfer", source="panel", state=State.RUNNING, not_before=at, created_at=at)
    job.change_set_id = told["role"]
    write(lambda: db.session.add(job))
    entries = {entry.id: entry for entry in journal.sets(operator(), Wanted({"from": begun})).rows}
    assert (entries[told["phone"]].undone_by_id, entries[undo].undoes_id) == (undo, told["phone"])
    assert [entry.id for entry in entries.values() if entry.job_id] == [told["role"]]


def test_statements_do_not_grow_with_the_changes(sample, told, begun, make_role):
    """Also for a reader whose rights differ from person to person."""
    act("change_user", user_id=sample.users["manager"], version=1, values={"employee_id": None})
    grants = EVERYBODY | {(Action.VIEW, subject): Scope.REPORTS for subject in (Subject.EMPLOYMENT, Subject.PRIVATE)}
    actor = by_user(account(make_role("lead", grants), "lead@sample.example", sample.people["Bo"]))
    counted: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *told: counted.append(told[2]))

    def statements():
        db.session.rollback()
        counted.clear()
        page = journal.sets(actor, Wanted({"from": begun}, size=200))
        text_of(actor, page.rows)
        return len(page.rows), len(counted)

    few, before = statements()
    for i in range(5):
        for name in ("Eli", "Cy", "Dee", "Ada"):
            act_on(
                sample,
                name,
                phone=str(i),
                manager_id=None
                if i % 2
                else sample.people["Ada" if name != "Ada" else "Hana"]
                if name != "Ada"
                else None,
                home_address=str(i),
            )
    many, after = statements()
    assert many >= few + 15
    assert after == before <= 8


def test_looking_is_noted_and_only_moves_on(app, sample):
    hr, at = by_user(sample.users["hr"]), now()

    def looked(moment):
        actions.run("note_looked", actor=hr, source=Source.PANEL, moment=moment)
        return stored(app, User, hr.user_id).looked_at

    version = stored(app, User, hr.user_id).version
    assert looked(at - timedelta(days=1)) == at - timedelta(days=1)
    assert looked(at - timedelta(days=2)) == at - timedelta(days=1)
    assert looked(at + timedelta(days=400)) < at + timedelta(days=1)
    assert stored(app, User, hr.user_id).version == version
