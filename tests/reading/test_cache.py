"""What is told of the query cache: the numbers of all processes, the store, and what made a query stale."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text

from app.access.actor import by_user, operator
from app.access.grants import Action, Scope, Subject
from app.actions import Source, run
from app.core import querycache, signs
from app.core.clock import now
from app.core.problems import Forbidden
from app.core.querycache import keeper, store
from app.core.querycache.uses import Bypass
from app.core.signs import Kind
from app.extensions import db
from app.people.department import Department
from app.people.role import Role
from app.reading import cache
from app.reading.cache import Place, Query, Stale
from tests.applications import application
from tests.asking import asked
from tests.cache_uses import counted, use
from tests.clock import Clock
from tests.conftest import Grants
from tests.sample import Sample, account, act
from tests.services.process import free_port
from tests.waiting import add
from tests.writing import commit

pytestmark = pytest.mark.usefixtures("context")
DEPARTMENTS, ROLES = select(Department.name).order_by(Department.id), select(Role.title).order_by(Role.id)


def ask(times: int = 1) -> None:
    """Ask two queries."""
    for _ in range(times):
        db.session.rollback()
        querycache.rows("departments", DEPARTMENTS, querycache.EVERYBODY)
        querycache.rows("roles", ROLES, querycache.EVERYBODY)


def queries(actor_id: int | None = None) -> dict[str, Query]:
    db.session.rollback()
    actor = by_user(actor_id) if actor_id else operator()
    assert actor is not None
    return {query.name: query for query in cache.report(actor).queries}


def test_numbers_of_all_processes_are_told_with_those_not_added_up_yet(app: Flask, sample: Sample) -> None:
    ask(3)
    assert (queries()["departments"].hits, queries()["departments"].misses) == (2, 1)
    mine = app.extensions["querycache"]
    keeper.add_up(mine)
    assert (queries()["departments"].hits, queries()["departments"].misses) == (2, 1)
    add(use("elsewhere", hits=30, misses=10, saved_seconds=1.5, miss_seconds=4.0, writing=5, too_large=2))
    ask(2)
    found = queries()
    assert list(found) == ["elsewhere", "departments", "roles"]
    assert (found["departments"].hits, found["departments"].misses) == (4, 1)
    assert found["departments"].tables == ("departments",)
    assert found["departments"].filled_at is not None
    elsewhere = found["elsewhere"]
    assert (elsewhere.hit_rate, elsewhere.seconds_a_miss, elsewhere.passed) == (0.75, 0.4, 5)
    assert elsewhere.bypasses == {Bypass.WRITING: 5, Bypass.TOO_LARGE: 2}
    told = cache.summary([], now())
    assert (told.hits, told.misses, told.verified, told.differing, told.reason) == (38, 12, 8, [], None)


def test_change_set_that_made_a_query_stale_is_the_latest_of_its_tables(app: Flask, sample: Sample) -> None:
    ask()
    first = act_set("create_role", values={"title": "Pilot"})
    assert queries()["roles"].stale == Stale(first, "create_role", queries()["roles"].stale.at)  # type: ignore[union-attr]
    assert stale("departments") != first
    second = act_set("create_department", values={"name": "Sales"})
    assert (stale("departments"), stale("roles")) == (second, first)
    keeper.fold()
    assert (stale("departments"), stale("roles")) == (second, first)
    third = act_set("clear_cache", query="roles")
    assert (stale("departments"), stale("roles")) == (second, third)


def act_set(name: str, /, **arguments: object) -> int:
    found = run(name, actor=operator(), source=Source.CLI, **arguments).change_set_id
    assert found is not None
    return found


def stale(name: str, actor_id: int | None = None) -> int | None:
    found = queries(actor_id)[name].stale
    return found.change_set_id if found else None


def test_change_set_is_told_to_those_only_who_may_see_it(app: Flask, sample: Sample, make_role) -> None:
    ask()
    set_id = act_set("create_department", values={"name": "Sales"})
    system = (Action.VIEW, Subject.SYSTEM)
    narrow: Grants = {system: Scope.ALL}
    wider: Grants = {
        system: Scope.ALL,
        (Action.VIEW, Subject.JOURNAL): Scope.SELF,
        (Action.VIEW, Subject.DIRECTORY): Scope.SELF,
    }
    for number, grants in enumerate((narrow, wider)):
        role = make_role(f"watcher{number}", grants)
        assert stale("departments", account(role, f"watcher{number}@sample.example")) is None
    assert stale("departments", sample.users["administrator"]) == set_id


def test_difference_alarms_until_it_is_cleared_or_a_day_old(app: Flask, sample: Sample) -> None:
    ask()
    db.session.execute(text("UPDATE departments SET name = 'Changed past us' WHERE code = 'BRD'"))
    commit()
    began = now()
    ask()
    counted(app)
    assert alarming() == ["departments"]
    differed_at = queries()["departments"].differed_at
    assert differed_at is not None
    assert began <= differed_at <= now()
    act("clear_cache", query="roles")
    assert alarming() == ["departments"]
    act("clear_cache", query="departments")
    assert alarming() == []
    add(use("later", differing=1, differed_at=now()))
    assert alarming() == ["later"]
    act("clear_cache")
    assert alarming() == []
    add(use("soon", differing=1, differed_at=now() + timedelta(hours=1)))
    assert alarming() == ["soon"]
    add(use("old", differing=1, differed_at=now() - timedelta(hours=25)))
    assert alarming() == ["soon"]


def alarming() -> list[str]:
    db.session.rollback()
    return [query.name for query in cache.report(operator()).alarming]


def test_memory_of_the_process_is_told(app: Flask, sample: Sample) -> None:
    ask()
    found = cache.report(operator())
    assert (found.place, found.trouble, found.processes) == (Place.MEMORY, None, [])
    assert found.memory is not None
    assert 0 < found.memory[0] < found.memory[1]


def test_memory_of_redis_is_asked_only_while_it_is_in_use(
    app: Flask, database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with application(database_url, INSTANCE_PATH=tmp_path, REDIS_URL=redis_url) as other, other.app_context():
        found = cache.report(operator())
        assert found.place is Place.REDIS
        assert found.memory is not None
        assert found.memory[0] > 0
        mine = other.extensions["querycache"]
        mine.store.trouble = store.Trouble("its memory is full", now())
        monkeypatch.setattr(cache.backends, "memory", lambda _backend: pytest.fail("the store was asked"))
        assert cache.report(operator()).memory is None


def test_page_is_told_also_while_redis_does_not_say_anything(app: Flask, database_url: str, tmp_path: Path) -> None:
    url = f"redis+sentinel://127.0.0.1:{free_port()}/mymaster"
    with application(database_url, INSTANCE_PATH=tmp_path, REDIS_URL=url) as other, other.app_context():
        found = cache.report(operator())
        assert (found.place, found.memory, found.trouble, found.processes) == (Place.SENTINEL, None, None, [])


def test_each_process_is_told_and_this_one_as_it_is_now(
    app: Flask, database_url: str, tmp_path: Path, clock: Clock
) -> None:
    signs.note(Kind.CACHE, "gone:1", False, "it refuses the password")
    clock.move(minutes=4)
    signs.note(Kind.CACHE, "one:1", True)
    signs.note(Kind.CACHE, "two:1", False, "its memory is full")
    signs.note(Kind.CACHE, keeper.process_name(), True)
    signs.note(Kind.WORKER, "worker:1", False, "not of the cache")
    url = f"redis://127.0.0.1:{free_port()}"
    with application(database_url, INSTANCE_PATH=tmp_path, REDIS_URL=url) as other, other.app_context():
        found = cache.report(operator())
        names = [(p.name, p.reason, p.is_seen) for p in found.processes if not p.is_here]
        assert names == [
            ("two:1", "its memory is full", True),
            ("one:1", None, True),
            ("gone:1", "it refuses the password", False),
        ]
        assert [p.reason for p in found.processes if p.is_here] == [None]
        assert found.summary.reason == "its memory is full"
        clock.move(seconds=5)
        other.extensions["querycache"].store.probe()
        db.session.rollback()
        here = next(p for p in cache.report(operator()).processes if p.is_here)
        assert (here.reason, here.since) == ("it can’t be reached", clock.now())


def test_it_is_for_who_may_see_the_system(sample: Sample) -> None:
    for who, is_for in {"staff": False, "manager": False, "hr": False, "auditor": True, "administrator": True}.items():
        actor = by_user(sample.users[who])
        assert actor is not None
        if is_for:
            assert cache.report(actor)
        else:
            with pytest.raises(Forbidden):
                cache.report(actor)


def test_it_takes_few_statements_however_many_queries_there_are(app: Flask, sample: Sample) -> None:
    act("create_role", values={"title": "x"})  # so that there is a change set to tell of
    ask()
    with asked() as few:
        cache.report(operator())
    add(*[use(f"query {number}") for number in range(20)])
    with asked() as many:
        cache.report(operator())
    assert len(many) == len(few) == 4


def test_every_trouble_of_the_store_has_words_and_a_remedy() -> None:
    untrusted = OSError()
    untrusted.__context__ = ssl.SSLError()
    told = {words for _kinds, words in store.REASONS} | {store.SLOW}
    told |= {store.reason_of(untrusted), store.reason_of(ValueError())}
    assert told == set(cache.ADVICE)
    for reason in told:
        words, remedy = cache.in_words(reason)
        assert str(words) == reason
        assert str(remedy).endswith(".")
    assert cache.in_words("something new")[0] == "something new"
