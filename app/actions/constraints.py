"""What a broken database constraint means to the person who broke it: which field, and a sentence."""

from __future__ import annotations

import logging

from flask_babel import lazy_gettext as _l
from sqlalchemy.exc import IntegrityError

from app.core.database.faults import broken_constraint
from app.core.problems import Invalid, Sentence

log = logging.getLogger(__name__)

STILL_USED = _l("This is still in use elsewhere, so it can’t go yet.")
GONE = _l("This choice is no longer there. Choose again.")

WORDS: dict[str, tuple[str, Sentence]] = {
    "uq_employees_number_key": ("number", _l("Another employee has this number.")),
    "uq_employees_email_key": ("email", _l("Another employee has this e-mail address.")),
    "ck_employees_has_a_name": ("first_name", _l("Enter a name.")),
    "ck_employees_has_a_number": ("number", _l("Enter a number.")),
    "ck_employees_fte": ("fte", _l("Enter hours as a share of full time, more than 0 and at most 1.5.")),
    "ck_employees_status": ("status", _l("Choose a status from the list.")),
    "ck_employees_employment_type": ("employment_type", _l("Choose a type from the list.")),
    "ck_employees_left_on": ("left_on", _l("Somebody who left has a last day, and nobody else has one.")),
    "ck_employees_left_after_hired": ("left_on", _l("The last day is before the first one.")),
    "ck_employees_contract_after_hired": ("contract_until", _l("The contract ends before the first day.")),
    "ck_employees_probation_after_hired": ("probation_until", _l("Probation ends before the first day.")),
    "fk_employees_department_id": ("department_id", GONE),
    "fk_employees_role_id": ("role_id", GONE),
    "fk_employees_manager_id": ("manager_id", GONE),
    "uq_departments_name_key": ("name", _l("Another department has this name.")),
    "uq_departments_code_key": ("code", _l("Another department has this code.")),
    "ck_departments_has_a_name": ("name", _l("Enter a name.")),
    "fk_departments_parent_id": ("parent_id", GONE),
    "fk_departments_lead_id": ("lead_id", GONE),
    "uq_roles_title_key": ("title", _l("Another role has this title.")),
    "ck_roles_has_a_title": ("title", _l("Enter a title.")),
    "ck_roles_level": ("level", _l("Enter a level from 1 to 20.")),
    "uq_assignments_employee_id_valid_from": ("valid_from", _l("There is a change on this day already.")),
    "ck_assignments_order": ("valid_from", _l("A period ends before it begins.")),
    "ck_assignments_status": ("status", _l("Choose a status from the list.")),
    "fk_assignments_employee_id": ("", STILL_USED),
    "fk_assignments_department_id": ("", STILL_USED),
    "fk_assignments_role_id": ("", STILL_USED),
    "fk_assignments_manager_id": ("", STILL_USED),
    "uq_pay_employee_id_valid_from": ("valid_from", _l("There is a change of pay on this day already.")),
    "ck_pay_order": ("valid_from", _l("A period ends before it begins.")),
    "ck_pay_amount": ("amount", _l("Enter an amount of 0 or more.")),
    "ck_pay_period": ("period", _l("Choose a period from the list.")),
    "fk_pay_employee_id": ("", STILL_USED),
    "uq_users_email_key": ("email", _l("Another account has this e-mail address.")),
    "uq_users_employee_id": ("employee_id", _l("This employee has an account already.")),
    "fk_users_access_role_id": ("access_role_id", GONE),
    "fk_users_employee_id": ("employee_id", GONE),
    "uq_access_roles_name": ("name", _l("Another access role has this name.")),
    "ck_grants_scope": ("scope", _l("Choose a scope from the list.")),
    "fk_grants_access_role_id": ("", STILL_USED),
    "ix_grants_access_role_id_action_subject": ("", _l("This right is there already.")),
}


def as_problem(error: IntegrityError) -> Invalid:
    """Return the broken constraint as an error at its field; one that nobody foresaw is logged and put neutrally."""
    name = broken_constraint(error)
    if name not in WORDS:
        log.error("constraint without words", extra={"constraint": name or "unnamed"}, exc_info=error)
    field, words = WORDS.get(name, ("", _l("This doesn’t fit the other records, so it was not saved.")))
    return Invalid({field: words})
