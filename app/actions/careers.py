"""What happens to jobs: other departments, managers and roles, from a day on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import Enum
from typing import Any

from flask_babel import lazy_gettext as _l

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.actions.guard import chosen
from app.actions.people import as_day, loaded_people
from app.actions.registry import action
from app.core.problems import Invalid, Sentence
from app.people import assignments, rules
from app.people.employee import Employee

MAY = (Action.EDIT, Subject.DIRECTORY)


class Unchanged(Enum):
    """What an argument is that was not given, where None has a meaning of its own."""

    IT = "unchanged"


@action("transfer", needs=MAY, over="employee_ids")
def transfer(
    actor: Actor,
    employee_ids: Sequence[int],
    department_id: int,
    valid_from: date | str | None = None,
    manager_id: int | Unchanged | None = Unchanged.IT,
) -> int:
    """Move people to a department, and below a manager where one is given, from a day on; return how many."""
    people, day = loaded_people(actor, employee_ids, MAY), as_day(valid_from)
    errors: dict[str, Sentence] = {}
    values: dict[str, Any] = {"department_id": chosen(department_id, "department_id")}
    if values["department_id"] is None:
        errors["department_id"] = _l("Choose a department.")
    rules.check_department(values["department_id"], errors)
    if manager_id is not Unchanged.IT:
        values["manager_id"] = chosen(manager_id, "manager_id")
        rules.check_manager(people, values["manager_id"], errors, day=day)
    return _change(people, values, day, errors)


@action("change_manager", needs=MAY, over="employee_ids")
def change_manager(
    actor: Actor, employee_ids: Sequence[int], manager_id: int | None, valid_from: date | str | None = None
) -> int:
    """Let people report to somebody else, or to nobody, from a day on; return how many."""
    people, day = loaded_people(actor, employee_ids, MAY), as_day(valid_from)
    errors: dict[str, Sentence] = {}
    wanted = chosen(manager_id, "manager_id")
    rules.check_manager(people, wanted, errors, day=day)
    return _change(people, {"manager_id": wanted}, day, errors)


@action("assign_role", needs=MAY, over="employee_ids")
def assign_role(actor: Actor, employee_ids: Sequence[int], role_id: int, valid_from: date | str | None = None) -> int:
    """Give people another role from a day on; return how many."""
    people, day = loaded_people(actor, employee_ids, MAY), as_day(valid_from)
    errors: dict[str, Sentence] = {}
    wanted = chosen(role_id, "role_id")
    if wanted is None:
        errors["role_id"] = _l("Choose a role.")
    rules.check_role(wanted, errors)
    return _change(people, {"role_id": wanted}, day, errors)


def _change(people: Sequence[Employee], values: dict[str, Any], day: date | None, errors: dict[str, Sentence]) -> int:
    if errors:
        raise Invalid(errors)
    assignments.change([(person, values) for person in people], day)
    return len(people)
