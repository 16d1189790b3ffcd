"""Ways in: by password, slowed down when it is guessed, or once by a link."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from app.access.actor import by_session_token, by_user
from app.accounts import sign_in, throttle
from app.accounts.models import Credential, Session, SignInThrottle, User
from app.accounts.sign_in import LINK_LIVES, LinkFailed, SignInFailed, owner_of_link, with_link, with_password
from app.accounts.throttle import ACCOUNT, ADDRESS, Limit, Throttled
from app.actions import Source, run
from app.extensions import db
from tests.clock import Clock
from tests.hashing import CountingHasher
from tests.sample import PASSWORD, account, act
from tests.writing import KNOWINGLY, commit

pytestmark = pytest.mark.usefixtures("context", "hasher")

EMAIL = "Ana.Müller@Sample.Example"
HERE = "192.0.2.7"


@pytest.fixture
def ana() -> int:
    """Give an account with a password."""
    return account("staff", EMAIL, password=PASSWORD)


def enter(email: str = EMAIL, password: str = PASSWORD, address: str | None = HERE) -> str:
    """Sign in."""
    return with_password(email, password, address, "Tests/1.0")


def outcome(email: str = EMAIL, password: str = "wrong", address: str | None = HERE) -> str | int:
    """Return what trying to sign in leads to: in, failed, or the seconds to wait."""
    try:
        enter(email, password, address)
    except SignInFailed:
        return "failed"
    except Throttled as throttled:
        return throttled.seconds
    return "in"


def count(model: type) -> int:
    """Return how many rows there are."""
    db.session.rollback()
    return int(db.session.scalar(select(func.count()).select_from(model)))


@pytest.mark.parametrize(
    "typed",
    [
        EMAIL,
        EMAIL.lower(),
        EMAIL.upper(),
        f"  {EMAIL}\n",
        "ana.mu\u0308ller@sample.example",
        "ＡＮＡ.müller@sample.example",
    ],
)
def test_address_is_recognised_however_it_is_written(ana: int, clock: Clock, typed: str) -> None:
    found = by_session_token(enter(typed), clock.now())
    assert found is not None
    assert found.user_id == ana


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (EMAIL, "wrong"),
        (EMAIL, ""),
        (EMAIL, PASSWORD.upper()),
        (EMAIL, f"{PASSWORD} "),
        (EMAIL, PASSWORD * 100),
        (EMAIL, "\x00"),
        ("nobody@sample.example", PASSWORD),
        ("", ""),
        ("", PASSWORD),
        ("ana.müller@sample.example\x00' OR 1=1 --", PASSWORD),
        ("x" * 100_000, PASSWORD),
        ("link@sample.example", PASSWORD),
        ("link@sample.example", ""),
        ("off@sample.example", PASSWORD),
    ],
)
def test_every_failure_says_the_same_and_takes_one_verification(
    ana: int, hasher: CountingHasher, email: str, password: str
) -> None:
    account("staff", "link@sample.example")
    off = account("staff", "off@sample.example", password=PASSWORD)
    act("change_user", user_id=off, version=1, values={"is_active": False})
    hasher.verified = 0
    with pytest.raises(SignInFailed) as failed:
        enter(email, password)
    assert str(failed.value) == "That e-mail address and password don’t match."
    assert hasher.verified == 1
    assert count(Session) == 0


def test_session_row_says_from_where_and_since_when(ana: int, clock: Clock) -> None:
    with_password(EMAIL, PASSWORD, "2001:db8::" + "1" * 60, "A" * 500)
    with_password(EMAIL, PASSWORD, None, None)
    rows = db.session.scalars(select(Session).order_by(Session.id)).all()
    assert [(row.user_id, len(row.address or ""), len(row.agent or "")) for row in rows] == [
        (ana, 45, 200),
        (ana, 0, 0),
    ]
    assert {(row.created_at, row.last_seen_at) for row in rows} == {(clock.now(), clock.now())}
    user = db.session.get_one(User, ana)
    assert user.last_signed_in_at == clock.now()
    assert user.version == 1  # a form that somebody has open stays good


def test_every_sign_in_has_a_token_of_its_own(ana: int) -> None:
    assert len({enter() for _ in range(5)}) == 5
    assert count(Session) == 5


def test_sessions_that_are_over_are_cleared_away(ana: int, clock: Clock) -> None:
    enter()
    clock.move(hours=9)
    enter()
    assert count(Session) == 1


def test_password_that_changed_meanwhile_is_refused(ana: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real = sign_in.passwords.matches

    def slow(password_hash: str, password: str) -> bool:
        is_right = real(password_hash, password)
        run("change_password", actor=by_user(ana), source=Source.WEB, current_password=PASSWORD, new_password=NEW)
        return is_right

    monkeypatch.setattr(sign_in.passwords, "matches", lambda *given: (monkeypatch.undo(), slow(*given))[1])
    assert outcome(password=PASSWORD) == "failed"
    assert count(Session) == 0


NEW = "walking in the sun"


def test_account_that_ended_meanwhile_is_refused(ana: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(_hash: str, _password: str) -> bool:
        act("change_user", user_id=ana, version=1, values={"is_active": False})
        return True

    monkeypatch.setattr(sign_in.passwords, "matches", slow)
    assert outcome(password=PASSWORD) == "failed"
    assert count(Session) == 0


# Throttle


def test_waits_grow_and_end(ana: int, clock: Clock) -> None:
    assert [outcome() for _ in range(ACCOUNT.free)] == ["failed"] * ACCOUNT.free
    waits = []
    for _ in range(9):
        assert outcome() == "failed"
        wait = outcome()
        assert isinstance(wait, int)
        waits.append(wait)
        clock.move(seconds=wait - 0.001)
        assert outcome() == 1
        assert outcome(password=PASSWORD) == 1  # the right one has to wait as well
        clock.move(seconds=0.001)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert outcome(password=PASSWORD) == "in"
    assert [outcome() for _ in range(ACCOUNT.free)] == ["failed"] * ACCOUNT.free


def test_tries_while_waiting_do_not_lengthen_the_wait(ana: int, clock: Clock, hasher: CountingHasher) -> None:
    for _ in range(ACCOUNT.free + 3):
        clock.move(seconds=10)
        outcome()
    hasher.verified = 0
    assert {outcome() for _ in range(20)} == {4}
    assert hasher.verified == 0
    clock.move(seconds=4)
    assert outcome(password=PASSWORD) == "in"


def test_unknown_addresses_wait_alike(ana: int, clock: Clock) -> None:
    for email in (EMAIL, "nobody@sample.example"):
        found = [outcome(email, address=f"192.0.2.{n}") for n in range(ACCOUNT.free + 2)]
        assert found == ["failed"] * (ACCOUNT.free + 1) + [1], email


def test_other_accounts_and_other_addresses_are_not_slowed_down(ana: int) -> None:
    account("staff", "other@sample.example", password=PASSWORD)
    while outcome() == "failed":
        pass
    assert outcome("other@sample.example", PASSWORD) == "in"
    assert outcome(EMAIL.upper(), PASSWORD, "198.51.100.1") == 1


def test_one_address_is_slowed_down_across_accounts(ana: int, clock: Clock) -> None:
    found = [outcome(f"{n}@sample.example") for n in range(ADDRESS.free + 2)]
    assert found == ["failed"] * (ADDRESS.free + 1) + [1]
    assert outcome(password=PASSWORD) == 1
    assert outcome(password=PASSWORD, address="198.51.100.1") == "in"
    waits = []
    for n in range(12):
        clock.move(seconds=400)
        assert outcome(f"more{n}@sample.example") == "failed"
        waits.append(outcome(f"more{n}@sample.example"))
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]


def test_success_forgives_the_account_but_not_the_address(ana: int, clock: Clock) -> None:
    for n in range(ADDRESS.free - 2):
        outcome(f"{n}@sample.example")
    for _ in range(10):
        assert outcome(password=PASSWORD) == "in"
    failures = dict(db.session.execute(select(SignInThrottle.key, SignInThrottle.failures)).all())
    assert failures[f"address:{HERE}"] == ADDRESS.free - 2
    assert sum(failures.values()) == 2 * (ADDRESS.free - 2)
    assert [outcome("a@b"), outcome("b@b"), outcome("c@b"), outcome("d@b")] == ["failed", "failed", "failed", 1]


def test_failures_are_forgotten_after_a_day(ana: int, clock: Clock) -> None:
    for _ in range(12):
        clock.move(minutes=5)
        outcome()
    clock.move(hours=24, seconds=1)
    assert [outcome() for _ in range(ACCOUNT.free)] == ["failed"] * ACCOUNT.free
    clock.move(hours=24, seconds=1)
    outcome("else@sample.example", address="198.51.100.9")
    assert count(SignInThrottle) == 2


def test_table_of_tries_names_no_account(ana: int) -> None:
    outcome()
    outcome("somebody@else.example")
    for key in db.session.scalars(select(SignInThrottle.key)):
        assert "@" not in key
        assert "ana" not in key
        assert len(key) <= 80


def test_waits_are_bounded_however_many_failures() -> None:
    limit = Limit(free=2, longest=timedelta(seconds=60))
    assert [limit.wait(n).total_seconds() for n in range(1, 11)] == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60]
    assert limit.wait(10**9) == timedelta(seconds=60)


def test_many_at_once_do_not_slip_through(app: Flask, ana: int, clock: Clock, hasher: CountingHasher) -> None:
    db.session.rollback()
    found: list[object] = []
    barrier = threading.Barrier(10)

    def guess() -> None:
        with app.app_context():
            barrier.wait()
            try:
                found.append(outcome())
            except Exception as error:
                found.append(error)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=guess) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(found) == {"failed": ACCOUNT.free + 1, 1: 9 - ACCOUNT.free}
    assert hasher.verified == ACCOUNT.free + 1


def test_whole_seconds_are_rounded_up() -> None:
    for seconds, told in ((0.0001, 1), (1, 1), (1.0001, 2), (59.9, 60)):
        assert throttle._whole_seconds(timedelta(seconds=seconds)) == told


# Links


def link(user_id: int) -> str:
    """Make a sign-in link and return its token."""
    return str(act("make_sign_in_link", user_id=user_id))


def test_link_signs_in_once_and_ends_password_and_sessions(ana: int, clock: Clock) -> None:
    old = enter()
    token = link(ana)
    new = with_link(token, HERE, None)
    assert by_session_token(old, clock.now()) is None
    found = by_session_token(new, clock.now())
    assert found is not None
    assert (found.user_id, found.has_password) == (ana, False)
    assert outcome(password=PASSWORD) == "failed"
    with pytest.raises(LinkFailed):
        with_link(token, HERE, None)
    assert count(Session) == 1


def test_looking_at_a_link_does_not_use_it_up(ana: int) -> None:
    token = link(ana)
    for _ in range(3):
        assert owner_of_link(token).id == ana
    assert with_link(token, HERE, None)


def test_link_works_until_its_time_is_over(ana: int, clock: Clock) -> None:
    token = link(ana)
    clock.move(seconds=LINK_LIVES.total_seconds() - 1)
    assert owner_of_link(token).id == ana
    clock.move(seconds=1)
    for use in (lambda: owner_of_link(token), lambda: with_link(token, HERE, None)):
        with pytest.raises(LinkFailed):
            use()
    assert outcome(password=PASSWORD) == "in"


def test_new_link_replaces_the_one_before_but_not_those_of_others(ana: int) -> None:
    other = account("staff", "other@sample.example")
    kept, first, second = link(other), link(ana), link(ana)
    with pytest.raises(LinkFailed):
        owner_of_link(first)
    assert owner_of_link(second).id == ana
    assert owner_of_link(kept).id == other
    assert count(Credential) == 2


@pytest.mark.parametrize("values", [{"is_active": False}, {"email": "else@sample.example"}])
def test_link_ends_with_the_account_and_with_its_address(ana: int, values: dict[str, object]) -> None:
    token = link(ana)
    act("change_user", user_id=ana, version=1, values=values)
    if "is_active" in values:
        act("change_user", user_id=ana, version=2, values={"is_active": True})
    with pytest.raises(LinkFailed):
        owner_of_link(token)


def test_link_ends_when_its_owner_sets_a_password(ana: int) -> None:
    token = link(ana)
    run("change_password", actor=by_user(ana), source=Source.WEB, current_password=PASSWORD, new_password=NEW)
    with pytest.raises(LinkFailed):
        with_link(token, HERE, None)
    assert outcome(password=NEW) == "in"


@pytest.mark.parametrize("token", ["", "x", "\x00", "é" * 50])
def test_made_up_link_fails(ana: int, token: str) -> None:
    link(ana)
    with pytest.raises(LinkFailed):
        with_link(token, HERE, None)


def test_link_of_a_disabled_account_fails(ana: int) -> None:
    token = link(ana)
    disable = update(User).where(User.id == ana).values(is_active=False)
    db.session.execute(disable, execution_options=KNOWINGLY)
    commit()
    with pytest.raises(LinkFailed):
        with_link(token, HERE, None)


def test_link_used_twice_at_once_signs_in_once(app: Flask, ana: int) -> None:
    token = link(ana)
    db.session.rollback()
    found: list[object] = []
    barrier = threading.Barrier(4)

    def use() -> None:
        with app.app_context():
            barrier.wait()
            try:
                found.append(len(with_link(token, HERE, None)))
            except Exception as error:
                found.append(type(error))
            finally:
                db.session.remove()

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(found) == {43: 1, LinkFailed: 3}
    assert count(Session) == 1
