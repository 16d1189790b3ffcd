"""Session rows: begun, renewed, ended."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.access.actor import by_session_token
from app.accounts import sessions
from app.accounts.models import Session, User
from app.extensions import db
from tests.clock import Clock
from tests.sample import Sample
from tests.writing import commit, write

pytestmark = pytest.mark.usefixtures("context")


def begin(user_id: int) -> str:
    """Begin a session and return its token."""
    return write(lambda: sessions.start(db.session.get_one(User, user_id), "192.0.2.7", "tests"))


def rows(user_id: int) -> list[int]:
    """Return the ids of somebody's sessions."""
    return list(db.session.scalars(select(Session.id).where(Session.user_id == user_id).order_by(Session.id)))


def test_tokens_are_long_and_random() -> None:
    tokens = {sessions.new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert {len(token) for token in tokens} == {43}  # 256 bits
    assert sessions.token_hash("a") == sessions.token_hash("a") != sessions.token_hash("b")


def test_renewed_session_has_another_token_and_is_the_same(sample: Sample, clock: Clock) -> None:
    staff = sample.users["staff"]
    old, other = begin(staff), begin(staff)
    first, second = rows(staff)
    new = write(lambda: sessions.renew(first))
    assert new
    assert by_session_token(old, clock.now()) is None
    assert by_session_token(new, clock.now()).session_id == first
    assert by_session_token(other, clock.now()).session_id == second
    assert write(lambda: sessions.renew(10**6)) is None


def test_ending_ends_just_the_ones_meant(sample: Sample, clock: Clock) -> None:
    staff, hr = sample.users["staff"], sample.users["hr"]
    for user_id in (staff, staff, staff, hr):
        begin(user_id)
    first, second, third = rows(staff)
    write(lambda: sessions.end(first))
    assert rows(staff) == [second, third]
    write(lambda: sessions.end_all(staff, but=third))
    assert rows(staff) == [third]
    write(lambda: sessions.end_all(staff))
    assert rows(staff) == []
    assert len(rows(hr)) == 1


def test_only_the_session_that_is_used_is_touched(sample: Sample, clock: Clock) -> None:
    staff, start = sample.users["staff"], clock.now()
    begin(staff), begin(staff)
    first, second = rows(staff)
    clock.move(minutes=5)
    write(lambda: sessions.touch(first))
    seen = dict(db.session.execute(select(Session.id, Session.last_seen_at)).all())
    assert seen == {first: start + timedelta(minutes=5), second: start}


def test_sessions_of_a_deleted_account_go_with_it(sample: Sample) -> None:
    staff = sample.users["staff"]
    begin(staff)
    db.session.delete(db.session.get_one(User, staff))
    commit()
    assert rows(staff) == []
