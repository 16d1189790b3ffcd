"""Finding people by what somebody typed."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, false, select

from app.core import text
from app.people.employee import Employee
from app.people.search import SearchWord

LAST_CHARACTER = "\U0010ffff"


def found_by(search: str) -> list[ColumnElement[bool]]:
    """Return the conditions on `Employee`: each typed word begins a word the person is found by.

    A range instead of LIKE, so that the index is used on every engine and no character has a meaning.
    """
    terms = text.terms(search)
    if not terms:
        return [false()] if search.strip() else []
    return [
        Employee.id.in_(
            select(SearchWord.employee_id).where(
                and_(SearchWord.word >= term, SearchWord.word < term + LAST_CHARACTER),
                SearchWord.field_group == "directory",
            )
        )
        for term in terms
    ]
