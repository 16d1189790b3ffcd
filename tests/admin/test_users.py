"""The panel of users: accounts made, changed, ended; a sign-in link that is shown once."""

from __future__ import annotations

import pytest

from app.accounts.models import User
from app.extensions import db
from tests.browsing import Browser, errors, fields, filled, rows, soup
from tests.sample import account, act, stored
from tests.writing import commit

LIST = "/admin/users/"


@pytest.fixture
def admin(sample, browser):
    """Return the browser of an administrator."""
    return browser.sign_in(sample.users["administrator"])


def role(page, name):
    """Return the value of an access role in a form."""
    return next(o["value"] for o in soup(page).select("select[name=access_role_id] option") if o.text == name)


def edit(user_id):
    """Return where an account is edited."""
    return f"/admin/users/edit/?id={user_id}"


def test_accounts_are_listed_with_access_role_and_employee(admin):
    assert [row[:4] for row in rows(admin.get(LIST))] == [
        ["administrator@sample.example", "Administrator", "Ada Okafor", "Yes"],
        ["auditor@sample.example", "Auditor", "Cy Müller", "Yes"],
        ["hr@sample.example", "HR", "Hana 山田", "Yes"],
        ["manager@sample.example", "Manager", "Bo Lindqvist", "Yes"],
        ["staff@sample.example", "Staff", "Eli García", "Yes"],
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("search=STAFF", ["staff"]),
        ("search=muller", ["auditor"]),
        ("search=山田", ["hr"]),
        ("search=105", []),
        ("search=%25", []),
        ("search=_", []),
        ("search=%27", []),
        ("search=a%40%00b", []),
        ("search=" + "x" * 3000, []),
        ("flt0_is_active=0", []),
        ("desc=1", ["staff", "manager", "hr", "auditor", "administrator"]),
    ],
)
def test_search_and_filters(admin, query, found):
    page = admin.get(f"{LIST}?{query}")
    assert [row[0].partition("@")[0] for row in rows(page)] == found


def test_filter_by_access_role(admin):
    page = admin.get(LIST)
    options = {o.text: o["value"] for o in soup(page).select("select[name$=access_role] option")}
    assert [row[1] for row in rows(admin.get(f"{LIST}?flt0_access_role={options['HR']}"))] == ["HR"]
    for nonsense in ("x", "-1", "9" * 30, "²", "%00"):
        assert admin.get(f"{LIST}?flt0_access_role={nonsense}&flt1_is_active={nonsense}").status_code == 200


def test_account_is_made_with_what_is_usual_and_shown(app, admin, sample):
    page = admin.get(LIST + "new/")
    assert fields(page)["access_role_id"] == role(page, "Staff")
    assert fields(page)["is_active"] == "y"
    answer = admin.client.post(
        LIST + "new/", data=filled(page, email="dee@sample.example", employee_id=sample.people["Dee"])
    )
    shown = admin.get(answer.location)
    for words in ("dee@sample.example", "Staff", "Dee O&#39;Hara", "Yes"):
        assert words in shown.text, words


@pytest.mark.parametrize(
    ("typed", "at"),
    [
        ({"email": ""}, "email"),
        ({"email": "nobody"}, "email"),
        ({"email": "STAFF@sample.example"}, "email"),
        ({"email": "x" * 255 + "@x"}, "email"),
        ({"access_role_id": ""}, "access_role_id"),
        ({"access_role_id": "1000000"}, "access_role_id"),
        ({"access_role_id": "staff"}, "access_role_id"),
        ({"employee_id": "1000000"}, "employee_id"),
        ({"employee_id": "Eli"}, "employee_id"),
        ({"employee_id": "9" * 30}, "employee_id"),
    ],
)
def test_fault_is_told_at_its_field(app, admin, typed, at):
    page = admin.submit(LIST + "new/", **({"email": "new@sample.example"} | typed))
    assert page.status_code == 422
    assert errors(page).keys() == {at, ""}
    assert "email" in typed or fields(page)["email"] == "new@sample.example"
    with app.app_context():
        assert db.session.query(User).count() == 5


def test_employee_has_one_account(admin, sample):
    page = admin.submit(LIST + "new/", email="new@sample.example", employee_id=sample.people["Eli"])
    assert errors(page)["employee_id"] == "This employee has an account already."
    assert "Eli García · 104" in page.text


def test_changed_access_role_holds_at_once(app, admin, sample):
    eli = Browser(app).sign_in(sample.users["staff"])
    page = admin.get(edit(sample.users["staff"]))
    assert (
        admin.client.post(edit(sample.users["staff"]), data=filled(page, access_role_id=role(page, "HR"))).status_code
        == 303
    )
    assert eli.get("/dashboard").status_code == 302
    assert eli.sign_in(sample.users["staff"]).get("/admin/employees/").status_code == 200


def test_switched_off_account_is_signed_out_and_stays_out(app, admin, sample):
    eli = Browser(app).sign_in(sample.users["staff"])
    assert admin.submit(edit(sample.users["staff"]), is_active=None).status_code == 303
    assert eli.get("/dashboard").status_code == 302
    assert stored(app, User, sample.users["staff"]).is_active is False
    assert [row[3] for row in rows(admin.get(f"{LIST}?flt0_is_active=0"))] == ["No"]


def test_last_administrator_is_told_so(admin, sample):
    page = admin.get(edit(sample.users["administrator"]))
    refused = admin.client.post(
        edit(sample.users["administrator"]), data=filled(page, access_role_id=role(page, "Staff"))
    )
    assert "is the last administrator" in errors(refused)["access_role_id"]
    refused = admin.client.post(edit(sample.users["administrator"]), data=filled(page, is_active=None))
    assert "is the last administrator" in errors(refused)[""]
    assert admin.get(f"/admin/users/delete/?id={sample.users['administrator']}").status_code == 403


def test_account_never_used_is_deleted_and_a_used_one_switched_off(app, admin, sample):
    for name, words in (("staff", "was deleted."), ("auditor", "may no longer sign in.")):
        user_id = sample.users[name]
        if name == "auditor":
            with app.app_context():
                user = db.session.get_one(User, user_id)
                user.last_signed_in_at = user.created_at
                commit()
        answer = admin.submit(f"/admin/users/delete/?id={user_id}")
        assert answer.status_code == 303
        assert words in admin.get(answer.location).text
    assert stored(app, User, sample.users["staff"]) is None
    assert stored(app, User, sample.users["auditor"]).is_active is False


def test_link_is_shown_once_and_signs_in_once(app, admin, sample):
    staff = sample.users["staff"]
    details = f"/admin/users/details/?id={staff}"
    form = soup(admin.get(details)).select_one("form[action*=sign-in-link]")
    page = admin.post(form["action"])
    assert page.status_code == 200
    link = soup(page).select_one("#link")["value"]
    token = link.rpartition("/")[2]
    assert token not in admin.get(details).text
    stranger = Browser(app)
    assert "Welcome" in stranger.get(f"/sign-in/{token}").text
    assert stranger.submit(f"/sign-in/{token}").status_code == 303
    assert stranger.get("/dashboard").status_code == 200
    assert Browser(app).get(f"/sign-in/{token}").status_code == 410


def test_link_takes_a_post_with_a_token_and_the_right(app, admin, sample):
    url = f"/admin/users/sign-in-link/?id={sample.users['staff']}"
    assert admin.get(url).status_code == 405
    assert admin.client.post(url).status_code == 400
    assert admin.post("/admin/users/sign-in-link/?id=1000000").status_code == 404
    auditor = Browser(app).sign_in(sample.users["auditor"])
    assert auditor.get(LIST).status_code == 200
    assert auditor.post(url).status_code == 403
    assert "sign-in-link" not in auditor.get(f"/admin/users/details/?id={sample.users['staff']}").text


def test_no_link_for_an_account_that_is_switched_off(app, admin):
    with app.app_context():
        user_id = account("staff", "off@sample.example")
        act("change_user", user_id=user_id, version=1, values={"is_active": False})
    assert "sign-in-link" not in admin.get(f"/admin/users/details/?id={user_id}").text
    answer = admin.post(f"/admin/users/sign-in-link/?id={user_id}")
    assert answer.status_code == 400
    assert "This account is switched off. Switch it on first." in answer.text


def test_no_password_is_ever_in_the_panel(app, admin):
    with app.app_context():
        user_id = account("staff", "with@sample.example", password="a walk in the rain")
        secret = db.session.get_one(User, user_id).password_hash
    for url in (LIST, edit(user_id), f"/admin/users/details/?id={user_id}"):
        page = admin.get(url)
        assert secret not in page.text
        assert "argon2" not in page.text
    assert admin.get("/admin/users/export/csv/").status_code == 403
