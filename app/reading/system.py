"""The state of the installation, for those who may see the system: what is well, what is not, and what to do then.

It is told from what is known already, so the page comes also while the store or the mail server is away.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import current_app
from flask_babel import format_decimal, format_percent
from flask_babel import gettext as _
from sqlalchemy import select

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.accounts.administrators import FEWEST, active_administrators
from app.changes.approvals import FOUR_EYES, Switch
from app.changes.read_only import Cause, ReadOnlyState
from app.core import signs
from app.core.database import server
from app.core.database.schema import HEAD, SchemaState
from app.core.mail.route import Server, route_of
from app.core.signs import Kind, Sign
from app.core.storage import storage
from app.core.version import VERSION
from app.extensions import db
from app.reading import cache, machine, servers
from app.reading.amounts import duration, size, spent
from app.reading.backlog import COUNTED_UP_TO, Backlog, alive, backlog
from app.reading.machine import Disk
from app.reading.parts import Item, State
from app.reading.servers import Running

__all__ = ["Item", "Report", "Running", "State", "report", "whole"]

SEALS_LATE, SEALS_STUCK = timedelta(minutes=1), timedelta(minutes=10)
"""Sealing takes a second; a large change keeps it for some, but nothing keeps it for ten minutes."""
ARCHIVE_LATE, ARCHIVE_STUCK = timedelta(minutes=5), timedelta(hours=1)
"""A store may be away for a moment, and whoever sends asks it each minute; an hour means that somebody has to look."""
DISK_LOW, DISK_FULL = 0.10, 0.05
"""Under a tenth there is time to act; under a twentieth many file systems slow down and servers refuse to write."""
DISK_FULL_BYTES = 500 * 1000**2
"""Less than a database needs for the log of one large change, or for migrating."""
WORKERS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class _Known:
    """What the items are made of, all from one moment."""

    at: datetime
    waiting: Backlog
    signs: list[Sign]
    schema: SchemaState | None
    is_switched_on: bool
    administrators: int

    def of(self, kind: Kind) -> Sign | None:
        """Return the sign of the store or of the mail server: the worst, then the latest."""
        found = [sign for sign in self.signs if sign.kind is kind]
        return min(found, key=lambda sign: (sign.is_good, -sign.at.timestamp()), default=None)


@dataclass(frozen=True, slots=True)
class Report:
    """All parts, those that ask for somebody first; the servers one by one; and whether anything may be changed."""

    items: list[Item]
    servers: list[Running]
    read_only: ReadOnlyState | None


def report(actor: Actor) -> list[Item]:
    """Return all parts, those that ask for somebody first."""
    return whole(actor).items


def whole(actor: Actor) -> Report:
    """Return all there is to tell, from one moment."""
    actor.require(Action.VIEW, Subject.SYSTEM)
    known = _known()
    running = servers.running(actor, known.schema)
    found = [
        _read_only(known.waiting.read_only),
        servers.item(running),
        _database(known),
        _storage(known),
        _archive(known),
        _seals(known),
        _mail(known),
        _workers(known),
        _jobs(known),
        _four_eyes(known),
        _cache(known),
        _disks(machine.disks()),
        _clock(),
        _versions(),
    ]
    order = list(State)
    items = sorted((item for item in found if item), key=lambda item: order.index(item.state))
    return Report(items, running, known.waiting.read_only)


def _known() -> _Known:
    waiting = backlog()
    newest = select(SchemaState).order_by(SchemaState.number.desc()).limit(1)
    is_on = db.session.execute(select(Switch.is_on).where(Switch.name == FOUR_EYES)).scalar()
    return _Known(
        at=waiting.at,
        waiting=waiting,
        signs=signs.signs(),
        schema=db.session.execute(newest).scalar(),
        is_switched_on=is_on is not False,
        administrators=len(active_administrators()),
    )


def _database(known: _Known) -> Item:
    connection = db.session.connection()
    number = known.schema.number if known.schema else 0
    facts = [server.title(connection)]
    if (stored := server.size(connection)) is not None:
        facts[0] = _("%(server)s, %(size)s", server=facts[0], size=size(stored))
    facts.append(_("Its tables are at migration %(number)s; this version needs %(head)s.", number=number, head=HEAD))
    state, remedy = State.GOOD, ""
    if number < HEAD or (known.schema and known.schema.oldest_code > HEAD):
        state = State.BAD
        remedy = _("Run “flask --app run db upgrade” with the newest version, and start that version everywhere.")
    elif number > HEAD:
        state = State.WARN
        remedy = _("A newer version has migrated it: start that one here as well.")
    return Item("database", _("Database"), state, facts, remedy)


def _read_only(found: ReadOnlyState | None) -> Item:
    name = _("Read-only")
    if found is None:
        return Item("read_only", name, State.GOOD, [_("Off: everything can be changed.")])
    facts = [_("On: everything can be looked at and nothing changed. Jobs and mail wait.")]
    if found.reason:
        facts.append(_("Reason: %(reason)s", reason=found.reason))
    remedy = {
        Cause.SETTING: _("Take the setting READ_ONLY away and start the servers again to end it."),
        Cause.SWITCH: _("Switch it off as soon as its reason is over."),
        Cause.MIGRATION: _("It ends with the migration, or two minutes after the process that migrates has died."),
    }
    return Item("read_only", name, State.WARN, facts, remedy[found.cause])


def _storage(known: _Known) -> Item:
    sign = known.of(Kind.STORAGE)
    facts = [_("Files go to %(where)s.", where=storage().where)]
    if sign is None:
        facts.append(_("It was not used yet."))
        return Item("storage", _("Storage"), State.OFF, facts, _("Check it now, or start a worker, which uses it."))
    if sign.is_good:
        facts.append(_("It took files when it was last asked, %(age)s ago.", age=_age(known.at, sign.at)))
        return Item("storage", _("Storage"), State.GOOD, facts)
    again = _("It is tried again as soon as something waits; “Check now” does so at once.")
    return Item("storage", _("Storage"), State.BAD, [*facts, _failing(known, sign)], f"{_what_to_do(sign)} {again}")


def _archive(known: _Known) -> Item:
    waiting, lag = known.waiting, known.waiting.archive_lag
    if not waiting.unarchived:
        facts = [_("Everything that was sealed is in the archive.")]
        return Item("archive", _("Archive"), State.GOOD, facts)
    facts = [_("Parts of the journal that wait: %(count)s.", count=_count(waiting.unarchived))]
    if waiting.unarchived_since:
        facts.append(_("The oldest has waited for %(age)s.", age=duration(lag)))
    store = known.of(Kind.STORAGE)
    state = _by_age(lag, ARCHIVE_LATE, ARCHIVE_STUCK)
    remedy = _("It goes on as soon as the storage works again.") if store and not store.is_good else _why_late(known)
    return Item("archive", _("Archive"), state, facts, "" if state is State.GOOD else remedy)


def _seals(known: _Known) -> Item:
    waiting, lag = known.waiting, known.waiting.seal_lag
    facts = [_("Sealed parts of the journal: %(count)s.", count=format_decimal(waiting.sealed))]
    if waiting.unsealed:
        count, age = _count(waiting.unsealed), duration(lag)
        facts.append(_("Waiting for a seal: %(count)s, the oldest for %(age)s.", count=count, age=age))
    state = _by_age(lag, SEALS_LATE, SEALS_STUCK)
    return Item("seals", _("Seals"), state, facts, "" if state is State.GOOD else _why_late(known))


def _mail(known: _Known) -> Item:
    waiting, sign = known.waiting, known.of(Kind.MAIL)
    route = route_of(current_app.config["MAIL_URL"])
    if isinstance(route, Server):
        facts = [_("Mail leaves by %(host)s, port %(port)s.", host=route.host, port=str(route.port))]
    else:
        facts = [_("Messages become files in %(folder)s; nobody is sent any.", folder=str(route.path))]
    if waiting.mails_waiting or waiting.mails_failed:
        facts.append(
            _(
                "Messages waiting: %(waiting)s. Failed in the last week: %(failed)s.",
                waiting=_count(waiting.mails_waiting),
                failed=_count(waiting.mails_failed),
            )
        )
    if sign is not None and not sign.is_good:
        again = _("Messages wait, and are tried again for two days.")
        return Item("mail", _("Mail"), State.BAD, [*facts, _failing(known, sign)], f"{_what_to_do(sign)} {again}")
    if sign is not None:
        facts.append(_("The last message left %(age)s ago.", age=_age(known.at, sign.at)))
    if waiting.mails_failed:
        remedy = _("Look at the failed jobs: each says why. They can be tried again there.")
        return Item("mail", _("Mail"), State.WARN, facts, remedy)
    if not isinstance(route, Server):
        return Item("mail", _("Mail"), State.OFF, facts, _("Set MAIL_URL to send mail by your mail server."))
    if sign is None:
        return Item("mail", _("Mail"), State.OFF, [*facts, _("No message was sent yet.")])
    return Item("mail", _("Mail"), State.GOOD, facts)


def _workers(known: _Known) -> Item:
    found = alive(known.signs, known.at)
    if not found:
        facts = [_("No worker was seen in the last three minutes, so background work stands still.")]
        return Item("workers", _("Workers"), State.BAD, facts, _("Start “flask --app run worker”."))
    facts = [
        _(
            "%(name)s, version %(version)s, seen %(age)s ago",
            name=sign.name,
            version=sign.detail or "?",
            age=_age(known.at, sign.at),
        )
        for sign in found[:WORKERS_SHOWN]
    ]
    if (more := len(found) - WORKERS_SHOWN) > 0:
        facts.append(_("and %(count)s more", count=format_decimal(more)))
    if {sign.detail for sign in found} - {VERSION}:
        remedy = _("This page comes from version %(version)s: update the others and start them again.", version=VERSION)
        return Item("workers", _("Workers"), State.WARN, facts, remedy)
    return Item("workers", _("Workers"), State.GOOD, facts)


def _jobs(known: _Known) -> Item:
    waiting = known.waiting
    facts = [
        _(
            "Waiting: %(waiting)s. Running: %(running)s. Failed in the last week: %(failed)s.",
            waiting=_count(waiting.jobs_waiting),
            running=_count(waiting.jobs_running),
            failed=_count(waiting.jobs_failed_lately),
        )
    ]
    if waiting.jobs_late:
        facts.append(_("Due for more than a minute: %(count)s.", count=_count(waiting.jobs_late)))
        if waiting.read_only is not None:
            remedy = _("They go on by themselves as soon as everything can be changed again.")
            return Item("jobs", _("Jobs"), State.WARN, facts, remedy)
        if not waiting.jobs_running:
            return Item("jobs", _("Jobs"), State.BAD, facts, _why_late(known))
    if waiting.jobs_failed_lately:
        remedy = _("Look at the failed jobs: each says why. They can be tried again there.")
        return Item("jobs", _("Jobs"), State.WARN, facts, remedy)
    if waiting.jobs_late:
        remedy = _("They wait for those that are running. Where that takes too long, start one more worker.")
        return Item("jobs", _("Jobs"), State.WARN, facts, remedy)
    return Item("jobs", _("Jobs"), State.GOOD, facts)


def _four_eyes(known: _Known) -> Item:
    name = _("Four eyes")
    if not known.is_switched_on:
        facts = [_("Switched off: an administrator acts alone, also on what can’t be undone.")]
        return Item("four_eyes", name, State.OFF, facts, _("Run “flask --app run four-eyes on” to switch it on again."))
    if known.administrators < FEWEST:
        facts = [_("Not in force, because there is only one administrator.")]
        remedy = _("Give a second person the access role of an administrator under Users.")
        return Item("four_eyes", name, State.WARN, facts, remedy)
    facts = [
        _("In force. Administrators: %(count)s.", count=format_decimal(known.administrators)),
        _("Requests that wait for one of them: %(count)s.", count=_count(known.waiting.approvals)),
    ]
    return Item("four_eyes", name, State.GOOD, facts)


def _cache(known: _Known) -> Item:
    found = cache.summary(known.signs, known.at)
    facts, name = [], _("Query cache")
    if found.asked:
        rate, saved = format_percent(found.hit_rate), spent(found.saved_seconds)
        facts.append(_("%(rate)s of what it was asked was there; that saved %(saved)s in all.", rate=rate, saved=saved))
    else:
        facts.append(_("Nothing was asked of it yet."))
    if found.differing:
        facts.append(_("Answers differed from the database: %(names)s.", names=", ".join(found.differing)))
        return Item("cache", name, State.BAD, facts, str(cache.LIKELY_CAUSE))
    if found.reason is not None:
        words, remedy = cache.in_words(found.reason)
        facts.append(_("Out of use: %(words)s. Pages ask the database and may be slower.", words=words))
        return Item("cache", name, State.WARN, facts, str(remedy))
    return Item("cache", name, State.GOOD, facts)


def _disks(found: list[Disk]) -> Item:
    state, facts = State.GOOD, []
    for disk in found:
        if disk.free is None or disk.total is None:
            state = State.BAD
            facts.append(_("%(folder)s: the disk does not answer.", folder=disk.folder))
            continue
        free, total, share = size(disk.free), size(disk.total), format_percent(disk.share)
        words = _("%(free)s of %(total)s free (%(share)s)", free=free, total=total, share=share)
        facts.append(f"{disk.folder}: {words}")
        state = min(state, _disk_state(disk), key=list(State).index)
    remedy = "" if state is State.GOOD else _("Make room there, or give it a larger disk, before nothing can be saved.")
    return Item("disk", _("Disk space"), state, facts, remedy)


def _disk_state(disk: Disk) -> State:
    if disk.share < DISK_FULL or (disk.free or 0) < DISK_FULL_BYTES:
        return State.BAD
    return State.WARN if disk.share < DISK_LOW else State.GOOD


def _clock() -> Item | None:
    """Compare the clocks; a database in a file has that of this machine."""
    seconds = server.seconds_ahead(db.session.connection())
    if seconds is None:
        return None
    words = _("The database server’s clock and this machine’s are %(seconds)s seconds apart.", seconds=_tenths(seconds))
    if abs(seconds) > server.CLOCK_SECONDS:
        return Item("clock", _("Clock"), State.BAD, [words], _("Let both machines follow a time server."))
    return Item("clock", _("Clock"), State.GOOD, [words])


def _versions() -> Item:
    facts = [_("Rollcall %(version)s, schema %(schema)s", version=VERSION, schema=HEAD), ", ".join(machine.packages())]
    return Item("versions", _("Versions"), State.GOOD, facts)


def _by_age(lag: timedelta, late: timedelta, stuck: timedelta) -> State:
    if lag >= stuck:
        return State.BAD
    return State.WARN if lag >= late else State.GOOD


def _failing(known: _Known, sign: Sign) -> str:
    since, at = _age(known.at, sign.since), _age(known.at, sign.at)
    return _("It has failed for %(since)s; it was last tried %(at)s ago.", since=since, at=at)


def _what_to_do(sign: Sign) -> str:
    """Return what was said when it failed, which tells what to do."""
    return sign.detail or _("The log of the worker tells why.")


def _why_late(known: _Known) -> str:
    """Return what to do where workers don't keep up."""
    if not alive(known.signs, known.at):
        return _("Start “flask --app run worker”.")
    return _("The log of the worker tells why. It tries again all the time.")


def _age(at: datetime, moment: datetime) -> str:
    """Return how long ago that was, in words; more closely than a minute, clocks and signs don't say."""
    return duration(at - moment)


def _count(number: int) -> str:
    words = format_decimal(number)
    return _("%(count)s or more", count=words) if number >= COUNTED_UP_TO else str(words)


def _tenths(seconds: float) -> str:
    return str(format_decimal(round(abs(seconds), 1)))
