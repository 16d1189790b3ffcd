"""Every constraint is enforced by the database itself, and the error tells which one it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.core.database.faults import broken_constraint
from app.extensions import db
from tests.applications import application
from tests.migrations.rows import fill
from tests.writing import KNOWINGLY

Row = dict[str, str]

GOOD = {
    "number": "'2'", "number_key": "'2'", "first_name": "'A'", "last_name": "''", "name_key": "'a'",
    "status": "'active'", "employment_type": "'permanent'", "fte": "1", "hired_on": "'2020-01-01'", "version": "1",
}  # fmt: skip
ASSIGNMENT = {"employee_id": "100", "status": "'active'", "valid_from": "'2021-01-01'", "version": "1"}
PAY = {
    "employee_id": "100",
    "amount": "1",
    "currency": "'EUR'",
    "period": "'year'",
    "valid_from": "'2021-01-01'",
    "version": "1",
}
USER = {
    "email": "'c'",
    "email_key": "'c'",
    "access_role_id": "100",
    "is_active": "TRUE",
    "created_at": "'2020-01-01'",
    "version": "1",
}
DEPARTMENT = {"name": "'B'", "name_key": "'b'", "version": "1"}
ROLE = {"title": "'B'", "title_key": "'b'", "version": "1"}
GRANT = {"access_role_id": "100", "action": "'edit'", "subject": "'notes'", "scope": "'all'", "version": "1"}
TOKEN = {"user_id": "100", "token_hash": "'z'", "created_at": "'2020-01-01'"}
SESSION = {**TOKEN, "last_seen_at": "'2020-01-01'", "expires_at": "'2020-01-01'"}
CREDENTIAL = {**TOKEN, "kind": "'sign_in_link'"}
API_TOKEN = {**TOKEN, "name": "'x'"}
WORD = {"word": "'x'", "employee_id": "100", "field_group": "'directory'"}
CHANGE_SET = {"at": "'2020-01-01'", "action": "'hire'", "source": "'cli'"}
SEGMENT = {"change_set_id": "1", "number": "99", "at": "'2020-01-01'", "count": "0", "content_hash": f"'{'d' * 64}'"}
CHANGE = {
    "segment_id": "1",
    "entity": "'roles'",
    "row_id": "1",
    "operation": "'create'",
    "fields": "' title '",
    "digest": f"'{'d' * 64}'",
}

JOB = {
    "action": "'transfer'",
    "source": "'cli'",
    "state": "'waiting'",
    "not_before": "'2020-01-01'",
    "attempts": "0",
    "resume": "0",
    "done": "0",
    "is_cancel_asked": "FALSE",
    "created_at": "'2020-01-01'",
}
LEASE = {"job_id": "101", "lease": "'x'", "leased_until": "'2020-01-01'"}
SEAL = {
    "position": "2",
    "segment_id": "2",
    "at": "'2020-01-01'",
    "key": "'b'",
    "told_digest": "'x'",
    "address_digest": "'x'",
    "hash": "'x'",
}
SEALED = {**SEAL, "position": "1", "segment_id": "1", "key": "'a'"}
UNARCHIVED = {"position": "1", "token": "'x'", "not_before": "'2020-01-01'"}
APPROVAL = {
    "action": "'transfer'",
    "actor_id": "1",
    "source": "'panel'",
    "rules": "'many'",
    "records": "7",
    "verdict": "'waiting'",
    "asked_at": "'2020-01-01'",
    "expires_at": "'2020-01-08'",
}
SERVER = {
    **dict.fromkeys(("version", "commit_hash", "tag", "digest", "run"), "''"),
    "host": "'b'",
    "part": "'serve'",
    "knows": "7",
    "is_draining": "FALSE",
    "process": "'x'",
    **dict.fromkeys(("since", "at"), "'2020-01-01'"),
}
DEPLOYMENT = {
    **dict.fromkeys(("tag", "commit_hash", "digest", "run", "servers"), "''"),
    "at": "'2020-01-01'",
    "result": "'done'",
}
SIGN = {
    "kind": "'storage'",
    "name": "'x'",
    "is_good": "TRUE",
    "at": "'2020-01-01'",
    "since": "'2020-01-01'",
}

# Constraint, table, a good row, and what makes it a bad one.
BROKEN = [
    ("ck_employees_left_on", "employees", GOOD, {"status": "'left'"}),
    ("ck_employees_left_on", "employees", GOOD, {"left_on": "'2021-01-01'"}),
    ("ck_employees_left_on", "employees", GOOD, {"status": "'on_leave'", "left_on": "'2021-01-01'"}),
    ("ck_employees_status", "employees", GOOD, {"status": "'gone'"}),
    ("ck_employees_employment_type", "employees", GOOD, {"employment_type": "'slave'"}),
    ("ck_employees_fte", "employees", GOOD, {"fte": "0"}),
    ("ck_employees_fte", "employees", GOOD, {"fte": "1.501"}),
    ("ck_employees_has_a_name", "employees", GOOD, {"first_name": "''"}),
    ("ck_employees_has_a_number", "employees", GOOD, {"number": "''"}),
    ("ck_employees_left_after_hired", "employees", GOOD, {"status": "'left'", "left_on": "'2019-12-31'"}),
    ("ck_employees_contract_after_hired", "employees", GOOD, {"contract_until": "'2019-12-31'"}),
    ("ck_employees_probation_after_hired", "employees", GOOD, {"probation_until": "'2019-12-31'"}),
    ("uq_employees_number_key", "employees", GOOD, {"number_key": "'1'"}),
    ("uq_employees_email_key", "employees", GOOD, {"email_key": "'taken'"}),
    ("fk_employees_department_id", "employees", GOOD, {"department_id": "99"}),
    ("fk_employees_role_id", "employees", GOOD, {"role_id": "99"}),
    ("fk_employees_manager_id", "employees", GOOD, {"manager_id": "99"}),
    ("ck_assignments_order", "assignments", ASSIGNMENT, {"valid_to": "'2021-01-01'"}),
    ("ck_assignments_status", "assignments", ASSIGNMENT, {"status": "''"}),
    ("uq_assignments_employee_id_valid_from", "assignments", ASSIGNMENT, {"valid_from": "'2020-02-29'"}),
    ("fk_assignments_employee_id", "assignments", ASSIGNMENT, {"employee_id": "99"}),
    ("fk_assignments_department_id", "assignments", ASSIGNMENT, {"department_id": "99"}),
    ("fk_assignments_role_id", "assignments", ASSIGNMENT, {"role_id": "99"}),
    ("fk_assignments_manager_id", "assignments", ASSIGNMENT, {"manager_id": "99"}),
    ("ck_pay_order", "pay", PAY, {"valid_to": "'2020-12-31'"}),
    ("ck_pay_amount", "pay", PAY, {"amount": "-0.01"}),
    ("ck_pay_period", "pay", PAY, {"period": "'day'"}),
    ("uq_pay_employee_id_valid_from", "pay", PAY, {"valid_from": "'2020-02-29'"}),
    ("fk_pay_employee_id", "pay", PAY, {"employee_id": "99"}),
    ("ck_departments_has_a_name", "departments", DEPARTMENT, {"name": "''"}),
    ("uq_departments_name_key", "departments", DEPARTMENT, {"name_key": "'offentliches 部'"}),
    ("uq_departments_code_key", "departments", DEPARTMENT, {"code_key": "'o'"}),
    ("fk_departments_parent_id", "departments", DEPARTMENT, {"parent_id": "99"}),
    ("fk_departments_lead_id", "departments", DEPARTMENT, {"lead_id": "99"}),
    ("ck_roles_has_a_title", "roles", ROLE, {"title": "''"}),
    ("ck_roles_level", "roles", ROLE, {"level": "0"}),
    ("ck_roles_level", "roles", ROLE, {"level": "21"}),
    ("uq_roles_title_key", "roles", ROLE, {"title_key": "'clerk'"}),
    ("uq_access_roles_name", "access_roles", {"name": "'payroll'", "is_builtin": "FALSE", "version": "1"}, {}),
    ("ck_grants_scope", "grants", GRANT, {"scope": "'everybody'"}),
    ("fk_grants_access_role_id", "grants", GRANT, {"access_role_id": "99999"}),
    ("ix_grants_access_role_id_action_subject", "grants", GRANT, {"action": "'view'", "subject": "'compensation'"}),
    ("uq_users_email_key", "users", USER, {"email_key": "'zoe@x.example'"}),
    ("uq_users_employee_id", "users", USER, {"employee_id": "100"}),
    ("fk_users_access_role_id", "users", USER, {"access_role_id": "99999"}),
    ("fk_users_employee_id", "users", USER, {"employee_id": "99"}),
    ("uq_sessions_token_hash", "sessions", SESSION, {"token_hash": f"'{'c' * 64}'"}),
    ("fk_sessions_user_id", "sessions", SESSION, {"user_id": "99"}),
    ("uq_credentials_token_hash", "credentials", CREDENTIAL, {"token_hash": f"'{'a' * 64}'"}),
    ("ck_credentials_kind", "credentials", CREDENTIAL, {"kind": "'key'"}),
    ("fk_credentials_user_id", "credentials", CREDENTIAL, {"user_id": "99"}),
    ("uq_api_tokens_token_hash", "api_tokens", API_TOKEN, {"token_hash": f"'{'b' * 64}'"}),
    ("fk_api_tokens_user_id", "api_tokens", API_TOKEN, {"user_id": "99"}),
    ("fk_search_words_employee_id", "search_words", WORD, {"employee_id": "99"}),
    ("fk_change_sets_undoes_id", "change_sets", CHANGE_SET, {"undoes_id": "99"}),
    ("fk_segments_change_set_id", "segments", SEGMENT, {"change_set_id": "99"}),
    ("uq_segments_change_set_id_number", "segments", SEGMENT, {"number": "1"}),
    ("fk_changes_segment_id", "changes", CHANGE, {"segment_id": "99999"}),
    ("ck_changes_operation", "changes", CHANGE, {"operation": "'undo'"}),
    ("ck_jobs_state", "jobs", JOB, {"state": "'asleep'"}),
    ("uq_jobs_key", "jobs", JOB, {"key": "'transfer@2026-11-21'"}),
    ("fk_job_leases_job_id", "job_leases", LEASE, {"job_id": "99"}),
    ("fk_unsealed_segment_id", "unsealed", {}, {"segment_id": "99999"}),
    ("fk_seals_segment_id", "seals", SEAL, {"segment_id": "99999"}),
    ("uq_seals_segment_id", "seals", SEAL, {"segment_id": "1"}),
    ("uq_seals_key", "seals", SEAL, {"key": "'a'"}),
    ("fk_unarchived_position", "unarchived", UNARCHIVED, {"position": "99"}),
    ("ck_approvals_verdict", "approvals", APPROVAL, {"verdict": "'perhaps'"}),
    ("ck_signs_kind", "signs", SIGN, {"kind": "'omen'"}),
    ("ck_servers_part", "servers", SERVER, {"part": "'idle'"}),
    ("ck_deployments_result", "deployments", DEPLOYMENT, {"result": "'perhaps'"}),
]


@pytest.fixture(scope="module")
def filled(make_database: Callable[[], str], database_url: str) -> Iterator[Flask]:
    """Give an application with a row in every table; `database_url` only makes the tests run on each engine."""
    with application(make_database()) as app:
        with app.app_context():
            upgrade()
            fill()
            with db.engine.begin() as connection:
                put(connection, "jobs", {"id": "101", **JOB})  # one that nobody has taken yet
                put(connection, "seals", SEALED)
        yield app


@pytest.fixture
def connection(filled: Flask) -> Iterator[Connection]:
    """Give a connection in a transaction that is rolled back."""
    with filled.app_context(), db.engine.connect() as connection:
        yield connection


def put(connection: Connection, table: str, row: Row) -> None:
    """Insert a row by plain SQL, past all that the models do."""
    quoted = [connection.dialect.identifier_preparer.quote(name) for name in row]
    statement = f"INSERT INTO {table} ({', '.join(quoted)}) VALUES ({', '.join(row.values())})"
    with connection.begin_nested():
        connection.exec_driver_sql(statement.replace("%", "%%"))


def test_every_constraint_is_tried_here() -> None:
    named = {
        str(one.name)
        for table in db.metadata.tables.values()
        for one in (*table.constraints, *(index for index in table.indexes if index.unique))
        if type(one).__name__ != "PrimaryKeyConstraint"
    }
    tried = {one[0] for one in BROKEN}
    assert named == tried, "give BROKEN a row for each new constraint"


@pytest.mark.parametrize(("constraint", "table", "good", "bad"), BROKEN, ids=[one[0] for one in BROKEN])
def test_database_refuses_what_breaks_a_constraint_and_the_error_names_it(
    connection: Connection, constraint: str, table: str, good: Row, bad: Row
) -> None:
    if good and bad:
        with connection.begin_nested() as savepoint:
            put(connection, table, good)
            savepoint.rollback()
    with pytest.raises(IntegrityError) as caught:
        put(connection, table, good | bad)
    # Of a foreign key SQLite doesn't say which; in the journal a trigger comes before the constraint.
    is_silent = connection.dialect.name == "sqlite" and constraint.startswith(("fk_", "uq_segments_", "uq_seals_"))
    assert broken_constraint(caught.value) == ("" if is_silent else constraint)


@pytest.mark.parametrize("table", ["departments", "roles", "employees", "access_roles"])
def test_row_that_others_refer_to_cannot_be_deleted(connection: Connection, table: str) -> None:
    connection.execute(text("DELETE FROM search_words"))  # which follow their person
    with pytest.raises(IntegrityError):
        connection.execute(text(f"DELETE FROM {table}"))


def test_what_belongs_to_an_account_goes_with_it(connection: Connection) -> None:
    connection.execute(text("DELETE FROM users"))
    for table in ("sessions", "credentials", "api_tokens"):
        assert connection.execute(text(f"SELECT COUNT(*) FROM {table}")).scalar() == 0


@pytest.mark.parametrize("entered", ["x' for key 'uq_users_email_key", "CONSTRAINT `ck_roles_level` failed", "a.b"])
def test_what_somebody_entered_is_not_taken_for_the_name_of_a_constraint(connection: Connection, entered: str) -> None:
    row = {"title": entered, "title_key": entered, "version": 1}
    roles = db.metadata.tables["roles"]
    connection.execute(roles.insert(), row, execution_options=KNOWINGLY)
    with pytest.raises(IntegrityError) as caught:
        connection.execute(roles.insert(), row, execution_options=KNOWINGLY)
    assert broken_constraint(caught.value) == "uq_roles_title_key"


@pytest.mark.parametrize(
    ("table", "good", "bad"),
    [
        ("employees", GOOD, {"number": f"'{'x' * 41}'"}),
        ("employees", GOOD, {"hired_on": "'2021-02-29'"}),
        ("employees", GOOD, {"hired_on": "'0000-00-00'"}),
        ("employees", GOOD, {"first_name": "NULL"}),
        ("pay", PAY, {"amount": "1000000000000"}),
        ("pay", {name: value for name, value in PAY.items() if name != "currency"}, {}),
    ],
)
def test_servers_refuse_what_does_not_fit_the_column_instead_of_bending_it(
    connection: Connection, table: str, good: Row, bad: Row
) -> None:
    if connection.dialect.name == "sqlite":  # which keeps what it is given; the application checks it before
        assert connection.execute(text("SELECT typeof('x')")).scalar() == "text"
        return
    with pytest.raises(DBAPIError):
        put(connection, table, good | bad)
