"""One person's record: what its reader sees, and what they may change."""

from __future__ import annotations

from app.access.actor import by_user
from app.access.grants import Action, Scope, Subject
from app.reading import person
from tests.sample import account


def test_group_that_can_not_be_seen_can_not_be_edited_unseen(sample, make_role, context):
    grants = {
        (Action.VIEW, Subject.DIRECTORY): Scope.ALL,
        (Action.EDIT, Subject.DIRECTORY): Scope.ALL,
        (Action.EDIT, Subject.NOTES): Scope.ALL,
    }
    actor = by_user(account(make_role("blind", grants), "blind@sample.example"))
    record = person.by_id(actor, sample.people["Eli"])
    assert "notes" not in record.values
    assert record.editable == [Subject.DIRECTORY]
