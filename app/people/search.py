"""The words people are found by: one row a word and person, so that a prefix search is a walk of an index.

The engines' own full-text search finds neither short prefixes nor names in scripts without spaces.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, String, delete, event, insert
from sqlalchemy.orm import Mapped, Mapper, mapped_column
from sqlalchemy.orm.attributes import get_history

from app.core import text
from app.core.columns import CACHED, key_string
from app.extensions import Base
from app.people.employee import Employee

FOUND_BY = ("number", "first_name", "last_name", "email", "phone")


class SearchWord(Base):
    """A normalised word that finds a person, for those who may see the field group it comes from."""

    __tablename__ = "search_words"

    word: Mapped[str] = mapped_column(key_string(text.LONGEST_WORD), primary_key=True)
    employee_id: Mapped[int] = mapped_column(ForeignKey("employees.id", ondelete="CASCADE"), primary_key=True)
    field_group: Mapped[str] = mapped_column(String(20), primary_key=True)

    __table_args__ = (Index(None, "employee_id"), {"info": {CACHED: "employees"}})


def words_of(values: dict[str, str | None]) -> set[str]:
    """Return the words that find a person with these `FOUND_BY` values.

    An address is found whole and by the words before the @: what stands behind it would find everybody.
    """
    found: set[str] = set()
    for field in FOUND_BY:
        value = values.get(field)
        if not value:
            continue
        if field == "email":
            found.add(text.sort_key(value)[: text.LONGEST_WORD])
            value = value.partition("@")[0]
        found |= text.words(value)
    return found


def _index(_mapper: Mapper[Employee], connection: Any, person: Employee) -> None:
    """Write a person's words anew when something they are found by changed."""
    if not any(get_history(person, field).has_changes() for field in FOUND_BY):
        return
    connection.execute(delete(SearchWord).where(SearchWord.employee_id == person.id))
    words = words_of({field: getattr(person, field) for field in FOUND_BY})
    if words:
        rows = [{"word": word, "employee_id": person.id, "field_group": "directory"} for word in sorted(words)]
        connection.execute(insert(SearchWord), rows)


event.listen(Employee, "after_insert", _index)
event.listen(Employee, "after_update", _index)
