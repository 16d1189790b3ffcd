"""The tables of accounts: apart from employees, linked where a person has both."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from app.changes.tracking import Tracked
from app.core import text
from app.core.columns import CACHED, KEY_LENGTH, UNCACHED, Id, UtcDateTime, choice, key_string
from app.extensions import Base
from app.people.employee import Employee

TOKEN_HASH_LENGTH = 64


class AccessRole(Tracked, Base):
    """A set of grants with a name; the built-in ones can't be changed."""

    __tablename__ = "access_roles"
    NAME_LENGTH = 40

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(key_string(NAME_LENGTH), unique=True)
    description: Mapped[str | None] = mapped_column(String(200))
    is_builtin: Mapped[bool] = mapped_column(default=False)

    __table_args__ = ({"sqlite_autoincrement": True, "info": {CACHED: "accounts"}},)


class GrantRow(Tracked, Base):
    """One right of an access role: an action on a subject within a scope, all three words of `app.access.grants`."""

    __tablename__ = "grants"
    WORD_LENGTH = 20

    id: Mapped[Id]
    access_role_id: Mapped[int] = mapped_column(ForeignKey("access_roles.id", ondelete="RESTRICT"))
    action: Mapped[str] = mapped_column(key_string(WORD_LENGTH))
    subject: Mapped[str] = mapped_column(key_string(WORD_LENGTH))
    scope: Mapped[str] = mapped_column(key_string(WORD_LENGTH))

    __table_args__ = (
        Index(None, "access_role_id", "action", "subject", unique=True),
        CheckConstraint("scope IN ('self', 'reports', 'department', 'all')", name="scope"),
        {"sqlite_autoincrement": True},
    )


class User(Tracked, Base):
    """An account: an e-mail address to sign in with, an access role, perhaps the employee it belongs to."""

    __tablename__ = "users"
    EMAIL_LENGTH = Employee.EMAIL_LENGTH
    untold = frozenset({"email_key", "password_hash", "last_signed_in_at", "looked_at"})
    person_field = "employee_id"

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(String(EMAIL_LENGTH))
    email_key: Mapped[str] = mapped_column(key_string(), unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(200), info=UNCACHED)
    access_role_id: Mapped[int] = mapped_column(ForeignKey("access_roles.id", ondelete="RESTRICT"), index=True)
    employee_id: Mapped[int | None] = mapped_column(ForeignKey("employees.id", ondelete="RESTRICT"), unique=True)
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_signed_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    looked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # until when they have seen what changed

    access_role: Mapped[AccessRole] = relationship()
    employee: Mapped[Employee | None] = relationship()

    __table_args__ = ({"sqlite_autoincrement": True, "info": {CACHED: "accounts"}},)

    @validates("email")
    def _keep_key(self, _field: str, value: str) -> str:
        self.email_key = text.key(value)[:KEY_LENGTH]
        return value


class Session(Base):
    """One signed-in browser; the cookie holds its token, the row only the token's hash."""

    __tablename__ = "sessions"

    id: Mapped[Id]
    token_hash: Mapped[str] = mapped_column(key_string(TOKEN_HASH_LENGTH), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    address: Mapped[str | None] = mapped_column(String(45))
    agent: Mapped[str | None] = mapped_column(String(200))


class CredentialKind(StrEnum):
    """Other ways to prove who one is than a password."""

    SIGN_IN_LINK = "sign_in_link"


class Credential(Base):
    """A proof that belongs to a user; a secret is stored as its hash and works until used or expired."""

    __tablename__ = "credentials"

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    kind: Mapped[CredentialKind] = mapped_column(choice(CredentialKind, "kind", length=30))
    token_hash: Mapped[str] = mapped_column(key_string(TOKEN_HASH_LENGTH), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ApiToken(Base):
    """A token that a program signs in with on behalf of a user; stored as its hash."""

    __tablename__ = "api_tokens"
    NAME_LENGTH = 100

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    token_hash: Mapped[str] = mapped_column(key_string(TOKEN_HASH_LENGTH), unique=True)
    limits: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SignInThrottle(Base):
    """Failed sign-ins of one account or one address, and until when the next try has to wait."""

    __tablename__ = "sign_in_throttles"

    key: Mapped[str] = mapped_column(key_string(80), primary_key=True)
    failures: Mapped[int]
    last_failed_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    blocked_until: Mapped[datetime] = mapped_column(UtcDateTime)
