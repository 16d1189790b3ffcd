"""What others changed since a reader looked last: how much, about whom, and what of it the query cache may hold."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from app import actions
from app.access.actor import by_user
from app.access.grants import Action, Scope, Subject
from app.actions import Source
from app.changes import journal as writing
from app.changes.journal import Origin
from app.changes.tracking import Change, Operation
from app.changes.transaction import write
from app.core.clock import now, today
from app.extensions import db
from app.people.employee import Employee
from app.reading import news
from app.reading.news import News
from tests.actions.undo.undoing import do
from tests.asking import asked
from tests.caching import believed, taken
from tests.sample import account, act
from tests.writing import empty_journal

pytestmark = pytest.mark.usefixtures("context")


@pytest.fixture
def since(sample):
    """Return the moment from which on a test's changes are told, in a journal that holds no earlier ones."""
    empty_journal()
    return now()


def change(sample, name, /, **values):
    """Change somebody's record as the operator; return the set."""
    db.session.rollback()
    version = db.session.get_one(Employee, sample.people[name]).version
    return do("change_employee", employee_id=sample.people[name], version=version, values=values)


def names(headline):
    return [record.name for record in headline.records]


def test_news_are_what_others_did_since(sample, since):
    hr = by_user(sample.users["hr"])
    actions.run("change_own_contact", actor=hr, source=Source.WEB, version=1, values={"phone": "+1 2"})
    assert news.news(hr, since) == News(since)
    eli, dee = change(sample, "Eli", phone="1"), change(sample, "Dee", phone="2")
    found = news.news(hr, since)
    assert ([told.id for told in found.latest], found.count, found.people) == ([dee, eli], 2, 2)
    assert news.news(by_user(sample.users["administrator"]), since).people == 3
    assert len(news.news(hr, since, size=1).latest) == 1
    looked = now()
    actions.run("note_looked", actor=hr, source=Source.PANEL, moment=looked)
    assert news.news(hr, since) == News(looked)


def test_each_set_says_who_did_what_to_whom(sample, since):
    hr = by_user(sample.users["hr"])
    actions.run("change_own_contact", actor=hr, source=Source.WEB, version=1, values={"phone": "+1 2"})
    act("change_role", role_id=sample.roles["Clerk"], version=1, values={"family": "Office"})
    act("change_department", department_id=sample.departments["Platform"], version=1, values={"code": "PLT"})
    act("change_user", user_id=sample.users["staff"], version=1, values={"email": "eli@else.example"})
    found = news.news(by_user(sample.users["administrator"]), since).latest
    assert [(told.action, told.source, told.actor, names(told)) for told in found] == [
        ("change_user", "cli", None, ["eli@else.example"]),
        ("change_department", "cli", None, ["Platform"]),
        ("change_role", "cli", None, ["Clerk"]),
        ("change_own_contact", "web", "Hana 山田", ["Hana 山田"]),
    ]
    assert {told.has_more for told in found} == {False}


def test_who_leaves_is_named_before_whoever_it_was_handed_to(sample, since):
    act("leave", employee_ids=[sample.people["Bo"]], left_on=today(), successor_id=sample.people["Ada"])
    [told] = news.news(by_user(sample.users["administrator"]), since).latest
    assert names(told)[0] == "Bo Lindqvist"
    assert set(names(told)) == {
        "Bo Lindqvist",
        "Cy Müller",
        "Dee O'Hara",
        "Engineering",
        "manager@sample.example",
    } - ({"Engineering"} if told.has_more else set())


def test_who_only_came_along_stands_last_wherever_it_was_written(sample, since):
    people = sample.people
    changes = [
        Change("employees", people["Ada"], people["Ada"], Operation.UPDATE, {"manager_id": None}, {"manager_id": 1}),
        Change("departments", sample.departments["Board"], None, Operation.UPDATE, {"lead_id": 1}, {"lead_id": 2}),
        Change("users", sample.users["staff"], people["Eli"], Operation.UPDATE, {"email": "x"}, {"email": "y"}),
        Change("assignments", 1, people["Eli"], Operation.UPDATE, {"valid_to": None}, {"valid_to": today()}),
        Change("employees", people["Dee"], people["Dee"], Operation.UPDATE, {"phone": None}, {"phone": "1"}),
        Change("employees", people["Ada"], people["Ada"], Operation.UPDATE, {"manager_id": 1}, {"manager_id": 2}),
    ]
    write(lambda: writing.record(Origin("leave", "cli"), changes))
    [told] = news.news(by_user(sample.users["administrator"]), since).latest
    assert names(told) == ["Eli García", "Dee O'Hara", "Ada Okafor", "Board", "staff@sample.example"]


def test_what_was_deleted_has_its_last_name_which_alone_is_asked_for_each_time(app, sample, since):
    hr = by_user(sample.users["hr"])
    department = act("create_department", values={"name": "Old yard"})
    person = act("hire", values={"number": "900", "first_name": "Gone", "last_name": "Soon", "hired_on": today()})
    with believed(app):
        news.news(hr, since)
        with asked() as none:
            assert [names(told) for told in news.news(hr, since).latest] == [["Gone Soon"], ["Old yard"]]
        act("delete_employee", employee_id=person, version=1)
        act("delete_department", department_id=department, version=1)
        news.news(hr, since)
        with asked() as one:
            found = news.news(hr, since).latest
    assert [names(told) for told in found] == [["Old yard"], ["Gone Soon"], ["Gone Soon"], ["Old yard"]]
    assert (len(none), len(one)) == (0, 1)
    assert "before" in one[0]


def test_hidden_changes_name_nobody(sample, since, make_role):
    """Bo sees the employment of those below him only."""
    reading = {(Action.VIEW, subject): Scope.ALL for subject in (Subject.DIRECTORY, Subject.JOURNAL)}
    role = make_role("lead", reading | {(Action.VIEW, Subject.EMPLOYMENT): Scope.REPORTS})
    act("change_user", user_id=sample.users["manager"], version=1, values={"employee_id": None})
    lead = by_user(account(role, "lead@sample.example", sample.people["Bo"]))
    begun = now()

    def told(name):
        return Change("employees", sample.people[name], sample.people[name], Operation.UPDATE, {}, {"fte": "0.5"})

    write(lambda: writing.record(Origin("transfer", "cli"), [told("Ada"), told("Dee")]))
    write(lambda: writing.record(Origin("transfer", "cli"), [told("Ada")]))
    hr = news.news(by_user(sample.users["hr"]), begun)
    assert [names(one) for one in hr.latest] == [["Ada Okafor"], ["Ada Okafor", "Dee O'Hara"]]
    found = news.news(lead, begun)
    assert [(names(one), one.has_more) for one in found.latest] == [(["Dee O'Hara"], True)]
    assert (found.count, found.people) == (1, 1)


def test_no_value_of_the_journal_enters_the_cache(app, sample, since):
    secrets = {"home_address": "7 Secret Street", "notes": "A secret note", "phone": "+1 555 0199"}
    change(sample, "Eli", **secrets)
    arguments = {"amount": "123456", "currency": "EUR", "period": "year"}
    act("raise_pay", employee_ids=[sample.people["Eli"]], valid_from=date(2025, 1, 1), **arguments)
    hr = by_user(sample.users["hr"])
    kept = _kept(app, lambda: news.news(hr, since))
    assert "Garc" in kept
    assert not [secret for secret in (*secrets.values(), "123456", "2025-01-01") if secret in kept]


def _kept(app, work):
    """Return all that `work` puts into the store, as text."""
    store, put = app.extensions["querycache"].store, []
    original = store.put
    store.put = lambda key, value: put.append(value)
    try:
        work()
    finally:
        store.put = original
    return b" ".join(put).decode("utf-8", errors="replace")


def test_readers_with_other_rights_or_another_last_look_share_nothing(app, sample, since):
    change(sample, "Eli", phone="1")
    with believed(app):
        for role, hits in (("hr", 0), ("administrator", 0), ("auditor", 0), ("hr", 1)):
            taken(app)
            news.news(by_user(sample.users[role]), since)
            assert {used for used, _asked in taken(app).values()} == {hits}, role
        second = by_user(account("hr", "second@sample.example"))
        news.news(second, since)
        taken(app)
        actions.run("note_looked", actor=second, source=Source.PANEL, moment=now() - timedelta(days=1))
        news.news(second, since)
        # The same sets are named to both: what they say is asked for once, since then somebody’s look was noted.
        assert set(taken(app).values()) == {(0, 1)}


def test_statements_do_not_grow_with_the_changes(app, sample, since):
    hr = by_user(sample.users["hr"])

    def statements():
        db.session.rollback()
        with asked() as first:
            news.news(hr, since)
        with asked() as second:
            news.news(hr, since)
        return len(first), len(second)

    with believed(app):
        change(sample, "Eli", phone="1")
        few = statements()
        for name in ("Dee", "Cy", "Ada", "Bo", "Eli"):
            for number in range(3):
                change(sample, name, phone=str(number), notes=str(number))
        assert few == (4, 0)  # the tokens, the last look, the sets, their records
        assert statements() == (3, 0)  # nobody signed in or looked meanwhile
