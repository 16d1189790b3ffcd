"""Passwords: any composition, neither short nor everybody's, and as slow to check where there is none."""

from __future__ import annotations

import pytest

from app.accounts import passwords
from app.accounts.passwords import LONGEST, SHORTEST, fault, hashed, matches
from tests.hashing import CountingHasher


@pytest.mark.parametrize(
    "password",
    [
        "a" * 7 + "é",
        "walking in the rain",
        "12837465",
        "только слова",
        "短い文でも八文字",
        "        .",
        "x" * (LONGEST - 1) + "y",
        "correct horse battery staple",
        "ana.sample",
    ],
)
def test_any_kind_of_word_is_a_password(password: str) -> None:
    assert fault(password, "ana@sample.example") is None


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("", "at least 8"),
        ("a" * (SHORTEST - 1), "at least 8"),
        ("é" * (LONGEST + 1), "at most 200"),
        ("password", "easy to guess"),
        ("PassWord", "easy to guess"),
        ("12345678", "easy to guess"),
        ("sunshine", "easy to guess"),
        ("Ana-Maria@Sample.Example", "easy to guess"),
        ("ANA-MARIA", "easy to guess"),
    ],
)
def test_short_long_and_common_ones_are_refused_with_a_reason(password: str, words: str) -> None:
    assert words in str(fault(password, "ana-maria@sample.example"))


def test_account_without_address_has_no_password_of_that_name() -> None:
    assert fault("ana-maria") is None
    assert SHORTEST >= 8
    assert LONGEST >= 64


def test_password_matches_only_its_own_hash(hasher: CountingHasher) -> None:
    stored = hashed("walking in the rain")
    assert stored.startswith("$argon2id$")
    assert "walking" not in stored
    assert hashed("walking in the rain") != stored
    assert matches(stored, "walking in the rain")
    for wrong in ("walking in the rain ", "Walking in the rain", "", "walking in the rai"):
        assert not matches(stored, wrong)


def test_longest_password_counts_to_its_last_letter(hasher: CountingHasher) -> None:
    stored = hashed("x" * LONGEST)
    assert matches(stored, "x" * LONGEST)
    assert not matches(stored, "x" * (LONGEST + 1))
    assert not matches(stored, "x" * (LONGEST * 1000))
    assert not matches(hashed("x" * (LONGEST - 1) + "y"), "x" * LONGEST)


@pytest.mark.parametrize("stored", [None, ""])
def test_where_there_is_no_password_one_is_verified_all_the_same(hasher: CountingHasher, stored: str | None) -> None:
    for _ in range(3):
        assert not matches(stored, "walking in the rain")
    assert hasher.verified == 3


def test_what_is_no_hash_matches_nothing(hasher: CountingHasher) -> None:
    for stored in ("x", "walking in the rain", "$argon2id$v=19$broken"):
        assert not matches(stored, "walking in the rain")


def test_hashes_are_made_with_strong_parameters() -> None:
    # RFC 9106, section 4: the second recommended option.
    assert passwords.HASHER.type.name == "ID"
    assert passwords.HASHER.memory_cost >= 65_536
    assert passwords.HASHER.time_cost >= 3
