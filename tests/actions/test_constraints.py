"""Each rule that the database enforces has words for the person who breaks it, on every engine."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy.exc import IntegrityError

from app.accounts.models import AccessRole, GrantRow, User
from app.actions.constraints import WORDS, as_problem
from app.changes.tracking import KNOWINGLY
from app.core.clock import now
from app.core.database.faults import broken_constraint
from app.extensions import db
from app.people.department import Department
from app.people.employee import Employee
from app.people.history import Assignment, Pay
from app.people.role import Role
from tests.writing import commit

pytestmark = pytest.mark.usefixtures("context")

DAY = date(2020, 1, 1)
GONE = 10**6


def employee(**values):
    """Return the INSERT of an employee that would fit."""
    fitting = {
        "number": "X",
        "number_key": "x",
        "first_name": "X",
        "last_name": "",
        "name_key": "x",
        "status": "active",
        "employment_type": "permanent",
        "fte": 1,
        "hired_on": DAY,
        "version": 1,
    }
    return Employee.__table__.insert().values(**(fitting | values))


def department(**values):
    """Return the INSERT of a department that would fit."""
    return Department.__table__.insert().values(**({"name": "X", "name_key": "x", "version": 1} | values))


def role(**values):
    """Return the INSERT of a role that would fit."""
    return Role.__table__.insert().values(**({"title": "X", "title_key": "x", "version": 1} | values))


def stretch(**values):
    """Return the INSERT of a stretch of job history."""
    return Assignment.__table__.insert().values(**({"status": "active", "valid_from": DAY, "version": 1} | values))


def pay(**values):
    """Return the INSERT of pay."""
    fitting = {"amount": 1, "currency": "EUR", "period": "year", "valid_from": DAY, "version": 1}
    return Pay.__table__.insert().values(**(fitting | values))


def user(**values):
    """Return the INSERT of an account."""
    fitting = {"email": "x@x", "email_key": "x@x", "is_active": True, "created_at": now(), "version": 1}
    return User.__table__.insert().values(**(fitting | values))


def broken(sample):
    """Return a statement that breaks each constraint."""
    ada, board, clerk = sample.people["Ada"], sample.departments["Board"], sample.roles["Clerk"]
    staff = db.session.scalar(db.select(AccessRole.id).where(AccessRole.name == "staff"))
    update = Employee.__table__.update().where(Employee.id == ada)
    early = date(2000, 1, 1)
    return {
        "uq_employees_number_key": employee(number_key="100"),
        "uq_employees_email_key": employee(email_key="ada@sample.example"),
        "ck_employees_has_a_name": update.values(first_name=""),
        "ck_employees_has_a_number": update.values(number=""),
        "ck_employees_fte": update.values(fte=0),
        "ck_employees_left_on": update.values(left_on=DAY),
        "ck_employees_left_after_hired": update.values(left_on=early, status="left"),
        "ck_employees_contract_after_hired": update.values(contract_until=early),
        "ck_employees_probation_after_hired": update.values(probation_until=early),
        "fk_employees_department_id": update.values(department_id=GONE),
        "fk_employees_role_id": update.values(role_id=GONE),
        "fk_employees_manager_id": update.values(manager_id=GONE),
        "uq_departments_name_key": department(name_key="board"),
        "uq_departments_code_key": department(code_key="brd"),
        "ck_departments_has_a_name": department(name=""),
        "fk_departments_parent_id": department(parent_id=GONE),
        "fk_departments_lead_id": department(lead_id=GONE),
        "uq_roles_title_key": role(title_key="clerk"),
        "ck_roles_has_a_title": role(title=""),
        "ck_roles_level": role(level=21),
        "uq_assignments_employee_id_valid_from": stretch(employee_id=ada, valid_from=date(2010, 1, 4)),
        "ck_assignments_order": stretch(employee_id=ada, valid_to=DAY),
        "fk_assignments_employee_id": stretch(employee_id=GONE),
        "fk_assignments_department_id": stretch(employee_id=ada, department_id=GONE),
        "fk_assignments_role_id": stretch(employee_id=ada, role_id=GONE),
        "fk_assignments_manager_id": stretch(employee_id=ada, manager_id=GONE),
        "uq_pay_employee_id_valid_from": pay(employee_id=ada, valid_from=date(2001, 1, 1)),
        "ck_pay_order": pay(employee_id=ada, valid_to=DAY),
        "ck_pay_amount": pay(employee_id=ada, amount=-1),
        "fk_pay_employee_id": pay(employee_id=GONE),
        "uq_users_email_key": user(email_key="staff@sample.example", access_role_id=staff),
        "uq_users_employee_id": user(employee_id=ada, access_role_id=staff),
        "fk_users_access_role_id": user(access_role_id=GONE),
        "fk_users_employee_id": user(access_role_id=staff, employee_id=GONE),
        "uq_access_roles_name": AccessRole.__table__.insert().values(name="staff", is_builtin=False, version=1),
        "ck_grants_scope": grant(staff, scope="none"),
        "fk_grants_access_role_id": grant(GONE),
        "ix_grants_access_role_id_action_subject": grant(staff, action="view", subject="directory"),
        # Deleting what is referred to breaks the same rules from the other side.
        "fk_employees_department_id deleted": Department.__table__.delete().where(Department.id == board),
        "fk_employees_role_id deleted": Role.__table__.delete().where(Role.id == clerk),
    }


def grant(access_role_id, **values):
    """Return the INSERT of a right."""
    fitting = {"access_role_id": access_role_id, "action": "x", "subject": "x", "scope": "all", "version": 1}
    return GrantRow.__table__.insert().values(**(fitting | values))


def test_each_broken_rule_is_named_by_the_engine_and_put_in_words(sample, database_engine):
    first = pay(employee_id=sample.people["Ada"], valid_from=date(2001, 1, 1))
    db.session.execute(first, execution_options={KNOWINGLY: True})
    commit()
    cases = broken(sample)
    for case, statement in cases.items():
        with pytest.raises(IntegrityError) as error:
            db.session.execute(statement, execution_options={KNOWINGLY: True})
        db.session.rollback()
        problem = as_problem(error.value)
        name = case.removesuffix(" deleted")
        # SQLite doesn't say which foreign key broke, and servers name any of several that a deletion breaks.
        if not (database_engine == "sqlite" and case.startswith("fk_")) and name == case:
            assert broken_constraint(error.value) == name
            assert problem.errors == {WORDS[name][0]: [WORDS[name][1]]}
        assert "SQL" not in str(problem)
        assert str(problem)
    assert {case for case in cases if " " not in case} == set(WORDS) - {
        # Choices are refused by the ORM's type before the database sees them.
        "ck_employees_status",
        "ck_employees_employment_type",
        "ck_assignments_status",
        "ck_pay_period",
    }
