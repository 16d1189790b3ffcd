"""Passwords: hashed with argon2, of any composition, but neither short nor among the ones everybody uses."""

from __future__ import annotations

import secrets
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask_babel import lazy_gettext as _l

from app.core.problems import Sentence

SHORTEST = 8  # OWASP ASVS 5.0, 6.2.1
LONGEST = 200  # 6.2.9 asks for at least 64; a limit keeps hashing time bounded
HASHER = PasswordHasher()  # argon2id with RFC 9106's low-memory parameters


@lru_cache(maxsize=1)
def _dummy() -> str:
    return HASHER.hash(secrets.token_hex(16))


def hashed(password: str) -> str:
    """Return the hash to store."""
    return HASHER.hash(password)


def matches(password_hash: str | None, password: str) -> bool:
    """Say whether the password is right; takes as long where there is no account or no password."""
    try:
        is_right = HASHER.verify(password_hash or _dummy(), password[: LONGEST + 1])
    except (VerificationError, InvalidHashError):
        return False
    return is_right and password_hash is not None


def fault(password: str, email: str = "") -> Sentence | None:
    """Return why this can't be a new password; None when it can."""
    if len(password) < SHORTEST:
        return _l("Use at least %(count)s characters; a few words are fine.", count=SHORTEST)
    if len(password) > LONGEST:
        return _l("Use at most %(count)s characters.", count=LONGEST)
    plain = password.casefold()
    if plain in _common() or (email and plain in (email.casefold(), email.casefold().partition("@")[0])):
        return _l("This password is easy to guess: many people use it, or it is your address. Choose another.")
    return None


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    # Some 30,000 words, needed only when somebody chooses a password, so not loaded at start-up.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(FREQUENCY_LISTS["passwords"])
