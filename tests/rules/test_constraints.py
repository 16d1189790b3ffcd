"""House rule: whoever breaks a rule of the database is told in words which, and at which field."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapper

from app.actions.constraints import WORDS
from app.changes.tracking import Tracked
from app.extensions import Base

NAMED = (CheckConstraint, ForeignKeyConstraint, UniqueConstraint)


def mappers() -> list[Mapper]:
    """Return the mappings of what people change; rows that only the machine writes are not among them."""
    return [mapper for mapper in Base.registry.mappers if issubclass(mapper.class_, Tracked)]


def constraints() -> dict[str, set[str]]:
    """Return the fields of each tracked table's constraints, by the constraint's name."""
    found: dict[str, set[str]] = {}
    for mapper in mappers():
        table = mapper.local_table
        for constraint in (*(c for c in table.constraints if isinstance(c, NAMED)), *table.indexes):
            if constraint in table.indexes and not constraint.unique:
                continue
            assert constraint.name, f"{table.name} has a constraint without a name: give it one, so that it gets words"
            found[str(constraint.name)] = {column.name for column in table.columns}
    return found


def test_every_named_constraint_has_words():
    missing = set(constraints()) - set(WORDS)
    assert not missing, (
        f"{sorted(missing)}: say in app/actions/constraints.py what breaking it means, and at which field"
    )


def test_no_words_are_left_of_a_constraint_that_went():
    stale = set(WORDS) - set(constraints())
    assert not stale, f"{sorted(stale)}: there is no such constraint; take it out of app/actions/constraints.py"


def test_words_stand_at_a_field_of_a_form():
    for name, (field, sentence) in WORDS.items():
        known = {column.removesuffix("_key") for column in constraints()[name]} | {""}
        assert field in known, f"{name} points to “{field}”, which is no column of its table"
        assert str(sentence).endswith("."), f"the words of {name} are no sentence"
