"""`flask four-eyes`: the operator's switch."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from app.actions.four_eyes.rules import is_in_force
from app.changes.approvals import FOUR_EYES, Switch
from app.changes.journal import ChangeSet
from app.commands.four_eyes import four_eyes
from app.extensions import db
from tests.commands.saying import invoke, said
from tests.sample import Sample, account


@pytest.mark.usefixtures("sample")
def test_status_tells_whether_anything_waits(app: Flask) -> None:
    assert "not in force" in said(app, four_eyes, "status")
    with app.app_context():
        account("administrator", "second@sample.example")
    assert said(app, four_eyes, "status") == "Four eyes is switched on and in force: there are 2 administrators."


def test_operator_switches_it_off_and_on_again(app: Flask, sample: Sample) -> None:
    with app.app_context():
        account("administrator", "second@sample.example")
    assert said(app, four_eyes, "off", "--reason", "Ben is on a boat").startswith("Four eyes is switched off since 20")
    with app.app_context():
        assert not is_in_force()
        told = db.session.scalars(select(ChangeSet).order_by(ChangeSet.id.desc()).limit(1)).one()
        found = (told.action, told.actor_id, told.source, told.reason, told.arguments)
        assert found == ("switch_four_eyes", None, "cli", "Ben is on a boat", {"is_on": False})
    assert said(app, four_eyes, "status").startswith("Four eyes is switched off since 20")
    again = invoke(app, four_eyes, "off", "--reason", "Still there")
    assert (again.exit_code, "off already" in again.stderr) == (1, True)
    assert "in force: there are 2" in said(app, four_eyes, "on")
    with app.app_context():
        assert is_in_force()


def test_off_takes_a_reason(app: Flask) -> None:
    for arguments in (["off"], ["off", "--reason", "  "]):
        result = invoke(app, four_eyes, *arguments)
        assert (result.exit_code, "--reason" in result.stderr) == (2, True)
    with app.app_context():
        assert db.session.get(Switch, FOUR_EYES) is None
