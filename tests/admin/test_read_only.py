"""Read-only as people meet it: a banner, forms that keep what was typed, and the switch on the page “System”."""

from __future__ import annotations

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.access.actor import by_user, operator
from app.actions import Source, deployments, run
from app.actions.read_only import SWITCHING, read_only_while
from app.changes.deployments import Result
from app.changes.read_only import Cause, state
from app.people.employee import Employee
from tests.actions.undo.undoing import do
from tests.browsing import Browser, errors, fields, pairs, soup, statements
from tests.sample import PASSWORD, Sample, account, stored
from tests.servers import server
from tests.waiting import add

PAGE, SWITCH = "/admin/system/", "/admin/system/read-only/"
WHY = "We move to the new server"
SENTENCE = f"Rollcall can only be looked at for the moment: {WHY}. Nothing was saved; please try again later."


@pytest.fixture
def administrator(sample: Sample, browser: Browser) -> Browser:
    return browser.sign_in(sample.users["administrator"])


@pytest.fixture
def read_only(app: Flask, sample: Sample) -> None:
    switch(app, True)


def switch(app: Flask, is_on: bool) -> None:
    with app.app_context():
        run(SWITCHING, actor=operator(), source=Source.CLI, is_on=is_on, why=WHY if is_on else None)


def banner(page: TestResponse) -> str:
    return " ".join(" ".join(found.get_text().split()) for found in soup(page).select("main .alert-info[role=status]"))


def is_refused(page: TestResponse) -> bool:
    """Say whether a page says that nothing may be changed, to people and to programs."""
    words = soup(page).get_text(" ", strip=True)
    return (page.status_code, page.headers.get("Retry-After"), SENTENCE in words) == (503, "300", True)


def test_each_page_tells_it_and_takes_no_statement_more(app: Flask, administrator: Browser, sample: Sample) -> None:
    pages = ("/dashboard", "/directory", "/account", "/admin/", "/admin/employees/", "/admin/roles/new/")
    before = {url: statements(administrator.get(url)) for url in pages}
    assert not banner(administrator.get("/account"))
    switch(app, True)
    for url in pages:
        page = administrator.get(url)
        assert page.status_code == 200
        assert banner(page).endswith(f"you can look at everything and change nothing. Reason: {WHY}"), url
        assert statements(page) <= before[url], url
    switch(app, False)
    assert not banner(administrator.get("/account"))


def test_banner_tells_a_migration_and_a_setting(
    app: Flask, administrator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context(), read_only_while("a new column"):
        assert banner(administrator.get("/account")).startswith("Rollcall is being updated")
        page = administrator.submit("/account", phone="+1 kept")
        assert (page.status_code, page.headers["Retry-After"]) == (503, "30")
    monkeypatch.setitem(app.config, "READ_ONLY", True)
    assert banner(administrator.get("/account")).startswith("Rollcall is read-only")
    assert not soup(administrator.get(PAGE)).select_one("#read_only form")


def test_a_stranger_sees_no_banner(app: Flask, read_only: None) -> None:
    for url in ("/", "/login"):
        assert WHY not in Browser(app).get(url).text


@pytest.mark.usefixtures("read_only")
@pytest.mark.parametrize(
    ("url", "typed"),
    [
        ("/account", {"phone": "+1 kept"}),
        ("/admin/roles/new/", {"title": "Cook kept"}),
        ("/admin/employees/edit/?id={Eli}", {"last_name": "Kept", "phone": "+1 kept"}),
        ("/admin/employees/delete/?id={Eli}", {"left_on": "2026-01-31", "reason": "Kept"}),
        ("/admin/users/edit/?id={staff}", {"email": "kept@sample.example"}),
    ],
)
def test_a_form_keeps_what_was_typed_and_says_why(
    administrator: Browser, sample: Sample, url: str, typed: dict[str, str]
) -> None:
    url = url.format(**sample.people, **sample.users)
    sent = dict(pairs(administrator.get(url)))
    known = {name: value for name, value in typed.items() if name in sent}
    page = administrator.submit(url, **known)
    assert is_refused(page)
    assert fields(page).items() >= known.items()
    assert errors(page).keys() == {""}
    assert errors(page)[""].startswith("Nothing can be changed at the moment")
    assert page.status_code == 503


@pytest.mark.usefixtures("read_only")
def test_an_action_on_many_is_shown_and_then_refused_with_its_form(administrator: Browser, sample: Sample) -> None:
    url = f"/admin/employees/do/transfer/?ids={sample.people['Eli']}"
    form = fields(administrator.get(url)) | {"department_id": sample.departments["Board"], "reason": "Kept"}
    shown = administrator.client.post(url, data=form | {"step": "preview"})
    assert shown.status_code == 200
    page = administrator.client.post(url, data=dict(pairs(shown)) | {"step": "do"})
    assert is_refused(page)
    assert fields(page)["reason"] == "Kept"


def test_undoing_a_large_change_is_refused_with_its_form(
    app: Flask, administrator: Browser, sample: Sample, context: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.actions.undo.planning.MOST", 3)
    set_id = do("change_manager", employee_ids=list(sample.people.values())[3:5], manager_id=sample.people["Ada"])
    switch(app, True)
    page = administrator.submit(f"/admin/journal/undo/?id={set_id}", reason="Kept", despite="y")
    assert is_refused(page)
    assert (fields(page)["reason"], fields(page)["despite"]) == ("Kept", "y")
    assert errors(page)[""].startswith("Nothing can be changed at the moment")


@pytest.mark.usefixtures("read_only")
def test_what_is_no_form_gets_a_page_that_says_so(app: Flask, administrator: Browser, sample: Sample) -> None:
    page = administrator.post(f"/admin/users/sign-in-link/?id={sample.users['staff']}")
    assert is_refused(page)
    heading = soup(page).select_one("h1")
    assert heading is not None
    assert heading.text == "Nothing can be changed at the moment"
    assert stored(app, Employee, sample.people["Eli"]).version == 1


@pytest.mark.usefixtures("read_only", "hasher")
def test_people_sign_in_and_out_and_end_their_sessions_but_set_no_password(app: Flask, sample: Sample) -> None:
    switch(app, False)
    with app.app_context():
        account("staff", "ana@sample.example", sample.people["Dee"], password=PASSWORD)
    switch(app, True)
    browser, other = Browser(app), Browser(app)
    for one in (browser, other):
        assert one.submit("/login", email="ana@sample.example", password=PASSWORD).status_code == 303
    forms = soup(browser.get("/account")).select("form[action*='/sessions/']")
    assert browser.post(str(forms[-1]["action"])).status_code == 303
    page = browser.submit(
        "/account/password", current_password=PASSWORD, new_password="a new one, long", repeat="a new one, long"
    )
    assert is_refused(page)
    assert browser.post("/logout").status_code == 303
    assert browser.get("/account").status_code == 302
    assert is_refused(browser.submit("/password/forgot", email="ana@sample.example"))


@pytest.mark.usefixtures("hasher")
def test_a_link_stays_good_for_afterwards(app: Flask, sample: Sample) -> None:
    with app.app_context():
        actor = by_user(sample.users["administrator"])
        assert actor is not None
        link = run("make_sign_in_link", actor=actor, source=Source.PANEL, user_id=sample.users["staff"]).value
    switch(app, True)
    browser = Browser(app)
    assert is_refused(browser.submit(f"/sign-in/{link}"))
    switch(app, False)
    assert browser.submit(f"/sign-in/{link}").status_code == 303


def test_an_administrator_switches_it_with_a_reason(app: Flask, administrator: Browser) -> None:
    assert not soup(administrator.get(PAGE)).select("#read_only .pill-wait")
    page = administrator.post(SWITCH, {"is_on": "1", "reason": " "})
    assert page.status_code == 422
    assert "Say why" in errors(page)["reason"]
    assert administrator.post(SWITCH, {"is_on": "1", "reason": WHY}).status_code == 303
    with app.app_context():
        found = state()
        assert found is not None
        assert (found.cause, found.reason) == (Cause.SWITCH, WHY)
    page = administrator.get(PAGE)
    part = soup(page).select_one("#read_only")
    assert part is not None
    assert f"Reason: {WHY}" in part.text
    again = administrator.post(SWITCH, {"is_on": "1", "reason": WHY})
    assert (again.status_code, "on already" in again.text) == (422, True)
    assert administrator.post(SWITCH, {"is_on": "0"}).status_code == 303
    with app.app_context():
        assert state() is None


def test_an_auditor_sees_it_and_has_no_switch(app: Flask, sample: Sample, browser: Browser, read_only: None) -> None:
    part = soup(browser.sign_in(sample.users["auditor"]).get(PAGE)).select_one("#read_only")
    assert part is not None
    assert part.select_one("form") is None
    assert WHY in part.text


def test_the_page_lists_servers_with_what_is_odd_and_the_last_deployments(app: Flask, administrator: Browser) -> None:
    few = statements(administrator.get(PAGE))
    with app.app_context():
        add(server("app1"), server("app2"), server("app3", tag="1.3.9", digest="", run="nightly"))
        for number in range(7):
            told = {"tag": f"1.4.{number}", "run_address": "https://ci.example/7", "servers": "app1,app2"}
            deployments.note(operator(), Source.CLI, Result.DONE, **told)
        told = {"tag": "2.0.0", "run_address": "javascript:alert(1)", "summary": "It would not start"}
        set_id = deployments.note(operator(), Source.CLI, Result.FAILED, **told)
    page = administrator.get(PAGE)
    assert statements(page) == few
    servers, made = (
        soup(page).select(f"section[aria-labelledby={name}] li") for name in ("servers-title", "deployments-title")
    )
    assert [pill.text for row in servers for pill in row.select(".pill")] == ["Another build than most"]
    assert "1.4.0 (8d0f2c17a4b3)" in servers[0].text
    assert [found.text for found in servers[0].select("details summary code")] == ["abababababab"]
    assert f"sha256:{'ab' * 32}" in [found.text for found in servers[0].select("details > code")]
    assert [link["href"] for link in servers[0].select("a")] == ["https://ci.example/job/rollcall/7/"]
    assert ("nightly" in servers[2].text, servers[2].select("a")) == (True, [])
    assert len(made) == 5
    assert [link["href"] for link in made[0].select("a")] == [f"/admin/journal/details/?id={set_id}"]
    assert ("It would not start" in made[0].text, [pill.text for pill in made[0].select(".pill")]) == (True, ["Failed"])


def test_a_deployment_reads_well_in_the_journal(app: Flask, administrator: Browser) -> None:
    told = {"commit": "8d0f2c17a4b3" + "0" * 28, "digest": f"sha256:{'ab' * 32}", "servers": "app1,app2"}
    with app.app_context():
        run_address = "https://ci.example/7"
        one = deployments.note(operator(), Source.CLI, Result.BACK, tag="1.4.0", run_address=run_address, **told)
    before = statements(administrator.get("/admin/journal/"))
    with app.app_context():
        for number in range(3):
            deployments.note(operator(), Source.CLI, Result.DONE, tag=f"1.5.{number}", summary="All well")
    page = administrator.get("/admin/journal/")
    assert statements(page) == before
    entries = [" ".join(entry.text.split()) for entry in soup(page).select("li.set")]
    assert "Deployment: 1.5.2 Done The operator · Command line All well" in entries[0]
    assert "Deployment: 1.4.0 (8d0f2c17a4b3) Went back The operator · Command line · app1, app2" in entries[3]
    page = administrator.get(f"/admin/journal/details/?id={one}")
    texts = (
        [" ".join(part.text.split()) for part in fact.select("dt, dd")] for fact in soup(page).select("dl.facts > div")
    )
    facts = {text[0]: text[1] for text in texts}
    assert (facts["Outcome"], facts["Tag"], facts["Servers"]) == ("Went back", "1.4.0", "app1, app2")
    assert facts["Commit"] == told["commit"]
    assert told["digest"] in facts["Image digest"]
    assert soup(page).select_one(f"dd a[href='{run_address}']")
    assert "Undo" not in page.text
