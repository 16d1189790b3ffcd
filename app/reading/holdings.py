"""Everything that holds a person, and what an erasure does with each: for whoever is about to erase them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_ngettext as _n
from sqlalchemy import func, select

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.access.visible import visible
from app.accounts.models import ApiToken, Credential, Session, User
from app.accounts.traces import account_of, once_theirs, traces_of
from app.changes import emptying
from app.core.database import remains
from app.core.problems import NotFound, Sentence
from app.extensions import db
from app.people import erased, rules
from app.people.employee import Employee, Status
from app.people.history import Assignment, Pay
from app.people.search import SearchWord


class Fate(StrEnum):
    """What becomes of what a place holds."""

    ENDED = "ended"
    """It ends first, because the person still works here."""
    GONE = "gone"
    KEPT = "kept"
    OUT_OF_REACH = "out_of_reach"
    """Somebody has to see to it by hand."""


HEADINGS: dict[Fate, Sentence] = {
    Fate.ENDED: _l("Ended first, for the person still works here"),
    Fate.GONE: _l("Erased"),
    Fate.KEPT: _l("Stays, without a name"),
    Fate.OUT_OF_REACH: _l("Can’t be reached from here: see to it yourself"),
}


@dataclass(frozen=True, slots=True)
class Held:
    """One place that holds a person, in words, and what becomes of it."""

    fate: Fate
    words: Sentence


@dataclass(frozen=True, slots=True)
class Erased:
    """When somebody was erased and by whom; `who` is None for the operator, and for an account that is gone."""

    at: datetime
    who: str | None
    is_by_operator: bool


@dataclass(frozen=True, slots=True)
class Holdings:
    """All that holds a person; `erased` once they were erased."""

    employee_id: int
    name: str
    number: str
    erased: Erased | None
    places: list[Held]

    def of(self, fate: Fate) -> list[Sentence]:
        """Return what has this fate, in words."""
        return [place.words for place in self.places if place.fate is fate]


def holdings(actor: Actor, employee_id: int) -> Holdings:
    """Return all that holds a person whom the actor may see; raise `NotFound`."""
    actor.require(Action.ADMINISTER, Subject.SYSTEM)
    query = select(Employee).where(Employee.id == employee_id, visible(actor, Subject.EMPLOYMENT))
    person = db.session.scalars(query).first()
    if person is None:
        raise NotFound()
    places = [*_work(person), *_record(person), *_account(person), *_traces(person), *_kept(person), *_outside(person)]
    return Holdings(person.id, person.name, person.number, erasure(person.id, person.number), places)


def erasure(employee_id: int, number: str) -> Erased | None:
    """Return when and by whom somebody was erased; None where they were not."""
    if not erased.is_erased(employee_id, number):
        return None
    found = emptying.erasure_of(employee_id)
    assert found is not None
    query = (
        select(User.email, Employee.first_name, Employee.last_name)
        .outerjoin(Employee, Employee.id == User.employee_id)
        .where(User.id == found.actor_id)
    )
    row = db.session.execute(query).first()
    who = (f"{row[1]} {row[2]}".strip() if row[1] else row[0]) if row else None
    return Erased(found.at, who, is_by_operator=found.actor_id is None)


def _work(person: Employee) -> Iterator[Held]:
    """Yield what ends with a job that is not over yet."""
    if person.status is Status.LEFT:
        return
    yield Held(Fate.ENDED, _l("The job: a leaving is recorded, with today as the last day."))
    if count := len(rules.reports_of(person.id)):
        manager = _nearest_above(person)
        if manager:
            words = _n(
                "%(num)d person reports to them, and goes to %(manager)s.",
                "%(num)d people report to them, and go to %(manager)s.",
                count,
                manager=manager,
            )
        else:
            words = _n(
                "%(num)d person reports to them, and is left without a manager.",
                "%(num)d people report to them, and are left without a manager.",
                count,
            )
        yield Held(Fate.ENDED, words)
    for department in rules.led_by(person.id):
        words = _l("They lead the department %(name)s, which is left without a lead.", name=department.name)
        yield Held(Fate.ENDED, words)


def _nearest_above(person: Employee) -> str | None:
    """Return the name of the nearest manager above who still works here."""
    above_id = person.manager_id
    for _ in range(rules.DEEPEST):
        above = db.session.get(Employee, above_id) if above_id else None
        if above is None or above.status is not Status.LEFT:
            return above.name if above else None
        above_id = above.manager_id
    return None


def _record(person: Employee) -> Iterator[Held]:
    yield _gone(_l("The record: names, number, contact details, private data, notes, and whatever else says who it is"))
    yield from _counted(
        _count(SearchWord, SearchWord.employee_id == person.id),
        lambda n: _n("%(num)d word that the search finds them by", "%(num)d words that the search finds them by", n),
    )
    yield from _counted(
        _count(Pay, Pay.employee_id == person.id),
        lambda n: _n("%(num)d entry of pay", "%(num)d entries of pay", n),
    )


def _account(person: Employee) -> Iterator[Held]:
    user = account_of(person.id)
    if user is None:
        return
    yield _gone(_l("The account %(email)s: its address, its password, and every way to sign in", email=user.email))
    yield from _counted(
        _count(Session, Session.user_id == user.id),
        lambda n: _n("%(num)d session, with address and browser", "%(num)d sessions, with address and browser", n),
    )
    yield from _counted(
        _count(Credential, Credential.user_id == user.id),
        lambda n: _n("%(num)d sign-in link", "%(num)d sign-in links", n),
    )
    yield from _counted(
        _count(ApiToken, ApiToken.user_id == user.id), lambda n: _n("%(num)d API token", "%(num)d API tokens", n)
    )


def _traces(person: Employee) -> Iterator[Held]:
    traces = traces_of(person)
    told = emptying.held(traces)
    unfinished, over = emptying.jobs_about(traces)
    yield from _counted(
        told.changes,
        lambda n: _n(
            "The values in %(num)d change of the journal; when it was and by whom stays",
            "The values in %(num)d changes of the journal; when they were and by whom stays",
            n,
        ),
    )
    yield from _counted(
        told.reasons,
        lambda n: _n(
            "The reason of %(num)d change set, whoever else it was about",
            "The reasons of %(num)d change sets, whoever else they were about",
            n,
        ),
    )
    yield from _counted(
        told.addresses,
        lambda n: _n(
            "The address from which they did %(num)d change set",
            "The addresses from which they did %(num)d change sets",
            n,
        ),
    )
    yield from _counted(
        len(unfinished) + len(over),
        lambda n: _n("What %(num)d background job says of them", "What %(num)d background jobs say of them", n),
    )


def _kept(person: Employee) -> Iterator[Held]:
    yield Held(
        Fate.KEPT, _l("Status, terms, first and last day, department, role and manager, as a person without a name")
    )
    yield from _counted(
        _count(Assignment, Assignment.employee_id == person.id),
        lambda n: _n("%(num)d stretch of the job history", "%(num)d stretches of the job history", n),
        Fate.KEPT,
    )


def _outside(person: Employee) -> Iterator[Held]:
    for copy in remains.copies():
        words = _l("The copy %(name)s, which a migration made of the database: delete it", name=copy.name)
        yield Held(Fate.OUT_OF_REACH, words)
    for email in once_theirs(person):
        words = _l(
            "The account %(email)s, which was linked with them once: see whether it is still theirs", email=email
        )
        yield Held(Fate.OUT_OF_REACH, words)
    yield Held(
        Fate.OUT_OF_REACH, _l("Notes on other people, and reasons of other changes, that don’t say their full name")
    )
    yield Held(Fate.OUT_OF_REACH, _l("Backups, exported files, e-mails and logs"))
    if db.engine.dialect.name != "sqlite":
        yield Held(Fate.OUT_OF_REACH, _l("What the database server keeps for itself: old row versions, logs, replicas"))


def _gone(words: Sentence) -> Held:
    return Held(Fate.GONE, words)


def _counted(count: int, words: Any, fate: Fate = Fate.GONE) -> Iterator[Held]:
    """Yield a place that holds something."""
    if count:
        yield Held(fate, words(count))


def _count(model: type[Any], condition: Any) -> int:
    return db.session.execute(select(func.count()).select_from(model).where(condition)).scalar_one()
