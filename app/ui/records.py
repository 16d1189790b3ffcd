"""A person's record, put in words."""

from __future__ import annotations

from dataclasses import dataclass

from app.access.grants import FIELDS
from app.core.problems import Sentence
from app.reading.person import Record
from app.ui.labels import WORDS, field, shown

SHOWN_ELSEWHERE = {"first_name", "last_name", "photo", "custom", "department_id", "role_id", "manager_id"}


@dataclass(frozen=True, slots=True)
class Group:
    """A field group: its name, and (label, text, link or None) for each field."""

    label: Sentence
    fields: list[tuple[str, str, str | None]]


def groups(record: Record) -> list[Group]:
    """Return the field groups of a record that its reader may see; the empty ones are left out."""
    found = []
    for group in record.groups:
        names = [name for name in FIELDS.get(group, ()) if name not in SHOWN_ELSEWHERE]
        if names:
            found.append(Group(WORDS[group], [(field(name), shown(record.values[name]), None) for name in names]))
    return found
