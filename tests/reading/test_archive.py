"""Who may read objects of the archive, and which names are those of one."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest

from app.access.actor import Actor, by_user, operator
from app.access.grants import Action, Scope, Subject
from app.core.problems import Forbidden, NotFound
from app.core.storage import Storage, storage
from app.reading import archive
from app.reading.archive import NEEDED
from tests.actions.archive.archiving import archive as archive_all
from tests.actions.archive.archiving import seal, told
from tests.actions.archive.conftest import store
from tests.conftest import Grants
from tests.marked import hire
from tests.sample import Sample, account, act

__all__ = ["store"]


def kept(actor: Actor) -> archive.Kept:
    """Read the only object there is."""
    (one,) = told()
    return archive.one(actor, one["segment"]["at"][:10].replace("-", ""), one["key"])


@pytest.fixture
def hired(store: Storage) -> int:
    person = hire("planted")
    archive_all()
    return person


def test_object_is_what_the_store_holds_whatever_the_database_knows(hired: int) -> None:
    found = kept(operator())
    assert json.loads(found.content) == found.told
    assert found.told["set"]["action"] == "hire"
    lost = {**found.told, "key": "A" * 20, "position": 99}
    storage().put(f"20260102/{'A' * 20}.json", io.BytesIO(json.dumps(lost).encode()))
    assert archive.one(operator(), "20260102", "A" * 20).told["position"] == 99


@pytest.mark.parametrize("missing", [None, *NEEDED])
@pytest.mark.parametrize("less", [None, Scope.REPORTS])
def test_it_takes_the_right_to_see_all_that_stands_there_of_everybody(
    hired: int, make_role: Callable[[str, Grants], str], missing: Subject | None, less: Scope | None
) -> None:
    grants = {(Action.VIEW, subject): Scope.ALL for subject in NEEDED if subject is not missing}
    if missing and less:
        grants[Action.VIEW, missing] = less
    actor = by_user(account(make_role("half", grants), "half@sample.example"))
    assert actor
    set_id = told()[0]["set"]["id"]
    if missing is None:
        assert kept(actor).told["set"]["id"] == set_id
        assert [one.key for one in archive.addresses(actor, set_id)] == [told()[0]["key"]]
    else:
        with pytest.raises(Forbidden):
            kept(actor)
        assert archive.addresses(actor, set_id) == []


def test_of_the_built_in_roles_administrators_and_auditors_may(store: Storage, sample: Sample) -> None:
    actors = {role: by_user(user) for role, user in sample.users.items()}
    assert {role for role, actor in actors.items() if actor and archive.may_see(actor)} == {"administrator", "auditor"}


@pytest.mark.parametrize(
    ("date", "key"),
    [
        ("20260230", None),
        ("2026-1-1", None),
        ("２０２６０１０１", None),
        ("", None),
        ("..", None),
        (None, "A" * 20),
        (None, "../../etc/passwd0000"),
        (None, ""),
        (None, "A" * 19),
        (None, "é" * 20),
        (None, "\x00" * 20),
        ("erasures", None),
    ],
)
def test_any_other_name_is_not_found(hired: int, date: str | None, key: str | None) -> None:
    (one,) = told()
    day = one["segment"]["at"][:10].replace("-", "")
    with pytest.raises(NotFound):
        archive.one(operator(), day if date is None else date, one["key"] if key is None else key)


def test_letters_of_the_key_are_small_or_large(hired: int) -> None:
    (one,) = told()
    day = one["segment"]["at"][:10].replace("-", "")
    with pytest.raises(NotFound):
        archive.one(operator(), day, one["key"].swapcase())


@pytest.mark.parametrize("content", [b"", b"\xff", b"null", b"{}", b'{"key": "other"}', b"[" * 5000])
def test_what_is_no_object_is_not_found(hired: int, content: bytes) -> None:
    storage().put(f"20260102/{'A' * 20}.json", io.BytesIO(content))
    with pytest.raises(NotFound):
        archive.one(operator(), "20260102", "A" * 20)


def test_addresses_are_those_of_sealed_segments(store: Storage) -> None:
    role = act("create_role", values={"title": "T"})
    assert role
    assert archive.addresses(operator(), 10**6) == []
    seal()
    archive_all()
    (one,) = told()
    (address,) = archive.addresses(operator(), one["set"]["id"])
    assert (address.number, address.key) == (1, one["key"])
    assert archive.one(operator(), address.date, address.key).told == one
