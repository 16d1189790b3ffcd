"""What anybody can be allowed to do: an action on a subject within a scope."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """What is done."""

    VIEW = "view"
    """See it, in lists, searches, filters, exports' previews and histories."""
    EDIT = "edit"
    """Change it."""
    CREATE = "create"
    """Make a new one."""
    DELETE = "delete"
    """Remove or close one, and record that somebody left."""
    EXPORT = "export"
    """Take it away as a file."""
    ADMINISTER = "administer"
    """Hand out access: sign-in links, access roles, settings."""


class Subject(StrEnum):
    """What it is done to; people are divided into field groups."""

    DIRECTORY = "directory"
    """A person's name, number, work contact, place in the organisation, and since when."""
    EMPLOYMENT = "employment"
    """Status, terms, end of employment, job history; creating and removing people belongs here."""
    PRIVATE = "private"
    """Birth date, home address, personal and emergency contacts."""
    COMPENSATION = "compensation"
    """Pay, today's and its history."""
    NOTES = "notes"
    """What HR wrote down about a person."""
    CONTACT = "contact"
    """The few fields of the groups above that people may keep up to date themselves."""
    ORGANISATION = "organisation"
    """Departments and roles."""
    ACCOUNTS = "accounts"
    """Users and what they may do."""
    JOURNAL = "journal"
    """Who changed what, when and why; of it only the fields and people that the other rights open."""
    SYSTEM = "system"
    """The state of the installation."""


class Scope(StrEnum):
    """How far a right on people reaches; for VIEW each includes oneself, otherwise only SELF and ALL do.

    So a manager whose grant is widened to editing still can't edit their own employment.
    """

    SELF = "self"
    REPORTS = "reports"
    """Everyone below me, at any depth."""
    DEPARTMENT = "department"
    """Everyone in my department and the departments below it."""
    ALL = "all"


FIELDS: dict[Subject, tuple[str, ...]] = {
    Subject.DIRECTORY: (
        "number",
        "first_name",
        "last_name",
        "email",
        "phone",
        "location",
        "photo",
        "department_id",
        "role_id",
        "manager_id",
        "hired_on",
    ),
    Subject.EMPLOYMENT: (
        "status",
        "employment_type",
        "fte",
        "probation_until",
        "contract_until",
        "left_on",
        "leaving_reason",
        "legal_entity",
        "custom",
    ),
    Subject.PRIVATE: (
        "birth_date",
        "home_address",
        "personal_email",
        "personal_phone",
        "emergency_name",
        "emergency_phone",
    ),
    Subject.NOTES: ("notes",),
}
"""The employee's columns by field group; compensation lives in a table of its own."""

OWN_CONTACT = (
    "phone",
    "home_address",
    "personal_email",
    "personal_phone",
    "emergency_name",
    "emergency_phone",
)
"""What CONTACT lets people change on their own record."""

GROUP_OF = {field: group for group, fields in FIELDS.items() for field in fields}
