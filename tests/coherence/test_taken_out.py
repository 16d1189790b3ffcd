"""What happens where a part of the protocol is missing: each time, the readers of these tests find out.

The same goings-on with all parts in place are the proof that it is the part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from app.access.actor import by_session_token
from app.changes.tracking import KNOWINGLY
from app.core.clock import now
from app.core.querycache import cached, keeper, rows, statements, versions
from app.core.querycache.versions import TOKENS, TOUCHED, CacheVersion
from app.extensions import db
from app.people.department import Department
from app.people.employee import Employee
from tests import sample
from tests.applications import application, migrate
from tests.coherence.backups import Backup, backup
from tests.coherence.questions import ask, asked
from tests.coherence.town import SECRET, Snapshot, Stale, Town, compare, outside, sign_in, town

NAMES = ("staff", "terms", "branch", "titles", "total")


@dataclass
class House:
    """A database with people in it, who are signed in, and how it looked at first."""

    url: str
    start: Backup
    tokens: dict[str, str]


@dataclass
class Day:
    """What goes on in a town of two processes with one store; `meanwhile` is done at a writer's worst moment.

    `late` are the groups whose tokens are to be moved when the data is committed, where they don't move with it.
    """

    town: Any = None
    meanwhile: Callable[[], Any] = lambda: None
    number: int = 0
    late: list[set[str]] = field(default_factory=list)

    def rename(self) -> None:
        """Give a department another name, in the second process, which then says that it is done."""
        self.number += 1
        name = f"Place {self.number}"
        wanted = update(Department).where(Department.code == "BRD").values(name=name, name_key=name.casefold())
        with self.app("second").app_context():
            with db.engine.begin() as connection:
                connection.execution_options(**{KNOWINGLY: True}).execute(wanted)
            self.meanwhile()
            while self.late:
                with db.engine.begin() as connection:
                    versions.move(connection, self.late.pop())

    def app(self, name: str) -> Any:
        """Return the application of a process."""
        return self.town.processes[name].app

    def everybody_looks(self) -> None:
        """Let readers of both processes look twice, and compare; then see what the process itself found."""
        for process in ("second", "first", "second"):
            for reader in ("administrator", "staff"):
                self.town.read(process, reader, NAMES)
        self.town.check()

    def long_request(self) -> Snapshot:
        """Begin a request in the second process."""
        return Snapshot(self.town.processes["second"], self.town.tokens["administrator"])


# What goes on

Story = Callable[[Day], None]


def one_after_the_other(day: Day) -> None:
    """Somebody looks, somebody writes, all look."""
    day.everybody_looks()
    day.rename()
    day.everybody_looks()


def somebody_looks_meanwhile(day: Day) -> None:
    """Somebody looks at the writer's worst moment; all look when the writer is done."""
    day.everybody_looks()
    found: list[Exception] = []

    def look() -> None:
        day.meanwhile = lambda: None
        held = Snapshot(day.town.processes["first"], day.town.tokens["administrator"])
        try:
            statement, _scope = asked("staff", held.actor)
            wanted = held.run(lambda: [tuple(row) for row in db.session.execute(statement)])
            compare("staff", held.run(ask, "staff", held.actor), wanted, "its snapshot")
        except Stale as stale:
            found.append(stale)
        finally:
            held.close()

    day.meanwhile = look
    day.rename()
    if found:
        raise found[0]
    day.everybody_looks()


def a_backup_is_put_back(day: Day) -> None:
    """What was done since then is gone, and other things are done instead."""
    saved = backup(day.town.outside)
    day.rename()
    day.everybody_looks()
    saved.put_back()
    day.rename()
    day.everybody_looks()


def two_long_requests(day: Day) -> None:
    """Two began before somebody wrote, and ask after it."""
    requests = [day.long_request(), day.long_request()]
    try:
        wanted = day.town.outside_rows(asked("staff", requests[0].actor)[0])
        day.rename()
        for held in requests:
            compare("staff", held.run(ask, "staff", held.actor), wanted, "its snapshot")
    finally:
        for held in requests:
            held.close()


def a_long_request_and_a_backup(day: Day) -> None:
    """What a long request kept is met again after a restore."""
    saved = backup(day.town.outside)
    held = day.long_request()
    day.rename()
    held.run(ask, "staff", held.actor)
    held.close()
    saved.put_back()
    day.everybody_looks()


def readers_differ(day: Day) -> None:
    """Readers of different rights and places ask the same queries one after the other."""
    for reader in ("staff", "colleague", "manager", "administrator"):
        day.town.read("second", reader, NAMES)


def two_kinds_of_readers(day: Day) -> None:
    """The same statement is asked for readers who may not share: none gets what was kept for the other."""
    statement = select(Department.name, Employee.first_name).join(Employee, Employee.id == Department.lead_id)
    with day.app("second").app_context():
        for scope in ("those who may", "those who may not"):
            rows("one", statement, scope)
    if day.town.uses("hits"):
        raise Stale("one was told what was kept for another")


def folded_again_and_again(day: Day) -> None:
    """The tokens are folded after each thing that is done."""
    for _time in range(3):
        with day.app("first").app_context():
            keeper.fold()
        day.everybody_looks()
        day.rename()
    day.everybody_looks()


def looks_acts_and_looks(day: Day) -> None:
    """One and the same request looks before and after what it does itself."""
    day.everybody_looks()
    with day.app("first").app_context():
        actor = by_session_token(day.town.tokens["administrator"], now())
        assert actor
        day.town.compared(actor, NAMES)
        sample.act("create_department", values={"name": "New", "parent_id": None})
        day.town.compared(actor, NAMES)
    day.everybody_looks()


# What is taken out

Part = Callable[[pytest.MonkeyPatch, Day], None]


def moved_before(patch: pytest.MonkeyPatch, day: Day) -> None:
    """Tokens move in a transaction of their own, before the data."""
    note = versions._note_touched

    def early(connection: Connection, *more: Any) -> None:
        note(connection, *more)
        if touched := connection.info.pop(TOUCHED, None):
            with db.engine.begin() as other:
                versions.move(other, touched)
            day.meanwhile()

    patch.setattr(versions, "_note_touched", early)


def moved_after(patch: pytest.MonkeyPatch, day: Day) -> None:
    """Tokens move in a transaction of their own, after the data."""

    def late(connection: Connection) -> None:
        if touched := connection.info.pop(TOUCHED, None):
            day.late.append(touched)

    patch.setattr(versions, "_move", late)


def never_moved(patch: pytest.MonkeyPatch, _day: Day) -> None:
    """Tokens don't move."""
    patch.setattr(versions, "_move", lambda _connection: None)


def moved_with_the_data(patch: pytest.MonkeyPatch, day: Day) -> None:
    """All is as it should be, and the worst moment is between the tokens and COMMIT."""
    move = versions._move

    def moved(connection: Connection) -> None:
        is_worst = TOUCHED in connection.info
        move(connection)
        if is_worst:
            day.meanwhile()

    patch.setattr(versions, "_move", moved)


def counted(patch: pytest.MonkeyPatch, _day: Day) -> None:
    """Tokens are counted."""

    def count(connection: Connection, names: Any, change_set_id: int | None = None) -> None:
        row = {"high": 1, "low": 0, "change_set_id": change_set_id}
        connection.execute(insert(CacheVersion), [{"name": name, **row} for name in sorted(names)])

    patch.setattr(versions, "move", count)


def of_a_later_snapshot(patch: pytest.MonkeyPatch, _day: Day) -> None:
    """Rows are read when they are needed, tokens were read before."""

    def fresh(query: Any) -> Any:
        with db.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(query.statement)]

    patch.setattr(cached._Query, "fresh", fresh)


def missed_by_the_walk(patch: pytest.MonkeyPatch, _day: Day) -> None:
    """Departments are not seen in a statement."""
    plan = statements._plan

    def blind(*arguments: Any) -> Any:
        found = plan(*arguments)
        return replace(found, groups=tuple(name for name in found.groups if name != "departments"))

    patch.setattr(statements, "_plan", blind)


def _without(patch: pytest.MonkeyPatch, **left_out: Any) -> None:
    key = cached._key

    def shorter(mine: Any, name: str, plan: Any, values: Any, scope: str) -> str:
        told = {"values": values, "scope": scope, **left_out}
        return key(mine, name, plan, told["values"], told["scope"])

    patch.setattr(cached, "_key", shorter)


def without_scope(patch: pytest.MonkeyPatch, _day: Day) -> None:
    """The key doesn't say for whom."""
    _without(patch, scope="")


def without_values(patch: pytest.MonkeyPatch, _day: Day) -> None:
    """The key doesn't say with which values."""
    _without(patch, values={})


def without_scope_and_values(patch: pytest.MonkeyPatch, _day: Day) -> None:
    """The key says neither."""
    _without(patch, scope="", values={})


def folded_to_nothing(patch: pytest.MonkeyPatch, _day: Day) -> None:
    """Folding forgets the sums, so that each time they are as they were."""

    def forget(connection: Connection) -> bool:
        names = connection.execute(select(CacheVersion.name).distinct()).scalars().all()
        connection.execute(delete(CacheVersion))
        connection.execute(insert(CacheVersion), [{"name": name, "high": 0, "low": 0} for name in names])
        return True

    patch.setattr(versions, "fold", forget)


def of_an_earlier_transaction(patch: pytest.MonkeyPatch, _day: Day) -> None:
    """The tokens of a request's first snapshot are taken for those of the next."""

    def present() -> Any:
        session = db.session()
        if TOKENS not in session.info:
            versions.take(session.execute(versions.sums()).all())
        return session.info[TOKENS]

    patch.setattr(versions, "_present", present)


CASES: list[tuple[Part, Story]] = [
    (moved_before, somebody_looks_meanwhile),
    (moved_after, somebody_looks_meanwhile),
    (never_moved, one_after_the_other),
    (counted, a_backup_is_put_back),
    (of_a_later_snapshot, two_long_requests),
    (of_a_later_snapshot, a_long_request_and_a_backup),
    (missed_by_the_walk, one_after_the_other),
    (without_scope_and_values, readers_differ),
    (without_values, readers_differ),
    (without_scope, two_kinds_of_readers),
    (folded_to_nothing, folded_again_and_again),
    (of_an_earlier_transaction, looks_acts_and_looks),
]
STORIES = list(dict.fromkeys(story for _part, story in CASES))


@pytest.fixture(scope="module")
def house(make_database: Callable[[], str]) -> Iterator[House]:
    yield from _built(make_database())


def _built(url: str) -> Iterator[House]:
    engine = outside(url)
    with application(url, SECRET_KEY=SECRET) as app, app.app_context():
        migrate(app)
        made = sample.build()
        sample.account("staff", "colleague@sample.example", made.people["Dee"])
        emails = [f"{name}@sample.example" for name in ("administrator", "manager", "staff", "colleague")]
        tokens = sign_in(*emails)
        db.session.rollback()
        yield House(url, backup(engine), tokens)
    engine.dispose()


def lived(house: House, patch: pytest.MonkeyPatch, part: Part, story: Story) -> None:
    """Let a story happen in a town with this part out; the applications are made without it."""
    house.start.put_back()
    day = Day()
    part(patch, day)
    with town(house.url, first="", second="") as found:
        day.town, found.tokens = found, house.tokens
        share(found)
        story(day)


def share(found: Town) -> None:
    """Give all processes the first one's store, as a Redis server would be."""
    processes = list(found.processes.values())
    for process in processes[1:]:
        process.cache.store = processes[0].cache.store


@pytest.mark.parametrize(("part", "story"), CASES, ids=lambda one: one.__name__)
def test_without_a_part_somebody_is_told_what_is_not_so(
    house: House, monkeypatch: pytest.MonkeyPatch, part: Part, story: Story
) -> None:
    with pytest.raises(Stale):
        lived(house, monkeypatch, part, story)


@pytest.mark.parametrize("story", STORIES, ids=lambda one: one.__name__)
def test_with_all_parts_nobody_is(house: House, monkeypatch: pytest.MonkeyPatch, story: Story) -> None:
    lived(house, monkeypatch, moved_with_the_data, story)


@pytest.mark.slow
@pytest.mark.servers
def test_it_is_the_same_on_servers(fresh_database_url: str) -> None:
    for house in _built(fresh_database_url):
        for part, story in CASES:
            with pytest.MonkeyPatch.context() as patch, pytest.raises(Stale):
                lived(house, patch, part, story)
        for story in STORIES:
            with pytest.MonkeyPatch.context() as patch:
                lived(house, patch, moved_with_the_data, story)
