"""The panel of users: who may sign in, with which access role."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import abort, url_for
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, HiddenField, SelectField
from wtforms.fields.choices import SelectChoice

from app.access import gate
from app.access.grants import Action, Subject
from app.accounts.models import User
from app.accounts.sign_in import LINK_LIVES
from app.actions.four_eyes.rules import is_in_force
from app.admin.declarations import Cell, Column, Entry, ExtraAction, Filter, cell
from app.admin.listing import Asked
from app.admin.panel import Panel
from app.core.values import row_id
from app.reading import accounts as reading
from app.reading.accounts import UserRow
from app.reading.paging import Page
from app.ui import forms
from app.ui.labels import FIELDS as LABELS
from app.ui.labels import access_role, shown
from app.ui.labels import field as label_of
from app.ui.records import Group

FIELDS = ("email", "access_role_id", "employee_id", "is_active")


def _access_roles() -> list[tuple[str, str]]:
    return [(str(role.id), access_role(role.name)) for role in reading.access_roles(gate.actor())]


def _choices() -> list[SelectChoice]:
    return [SelectChoice(key, label) for key, label in _access_roles()]


class UserForm(forms.RecordForm):
    """An account; a password only its owner sets."""

    email = forms.email("email", required=True)
    access_role_id = SelectField(LABELS["access_role_id"], choices=_choices, validate_choice=False)
    employee_id = forms.lookup("employee_id", "employee")
    is_active = BooleanField(LABELS["is_active"])

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        if is_in_force():
            self["access_role_id"].description = _(
                "Where this hands out the right to administer accounts, it waits for a second administrator."
            )


class EndUserForm(forms.Form):
    """Nothing has to be known to end an account."""

    version = HiddenField()


def _state(row: UserRow) -> Cell:
    is_active = row.user.is_active
    return Cell(_("Yes") if is_active else _("No"), "status", tone="good" if is_active else "bad")


class UsersPanel(Panel):
    """Accounts, apart from employees."""

    subject = Subject.ACCOUNTS
    icon = "key"
    history_filter = "user"
    label = _l("Users")
    new_label = _l("New user")
    form_class = UserForm
    delete_form_class = EndUserForm
    columns = (
        Column("email", _l("E-mail"), lambda r: cell(r.user.email), sort="email"),
        Column("access_role", _l("Access role"), lambda r: Cell(access_role(r.access_role))),
        Column("employee", _l("Employee"), lambda r: cell(r.employee)),
        Column("is_active", _l("May sign in"), _state),
        Column("last_signed_in_at", _l("Last signed in"), lambda r: cell(r.user.last_signed_in_at, "date")),
    )
    column_filters = (
        Filter("access_role", _l("Access role"), "select", _access_roles),
        Filter("is_active", _l("May sign in"), "select", lambda: [("1", _("Yes")), ("0", _("No"))]),
    )
    sections = ((_l("User"), FIELDS),)

    def __init__(self) -> None:
        super().__init__(User, "users")

    def may_export(self) -> bool:
        """Say no: a list of who may sign in is not for taking away."""
        return False

    def export_rows(self, asked: Asked) -> tuple[list[str], Iterable[list[Any]]]:
        """Refuse, like `may_export`."""
        abort(403)

    def read_page(self, asked: Asked) -> Page[UserRow]:
        """Return a page of accounts."""
        role = asked.filters.get("access_role", "")
        wanted = reading.Wanted(
            search=asked.search,
            access_role_id=row_id(role),
            is_active={"1": True, "0": False}.get(asked.filters.get("is_active", "")),
            is_descending=asked.is_descending,
            place=asked.place,
            size=asked.size,
        )
        return reading.users(gate.actor(), wanted)

    def row_id(self, row: UserRow) -> int:
        """Return an account's id."""
        return row.user.id

    def entry(self, record_id: int) -> Entry:
        """Return one account."""
        row = reading.user(gate.actor(), record_id)
        user = row.user
        employee = url_for("employees.details_view", id=user.employee_id) if user.employee_id else None
        fields = [
            (label_of("email"), user.email, None),
            (label_of("access_role"), access_role(row.access_role), None),
            (label_of("employee"), row.employee or "", employee),
            (label_of("is_active"), shown(user.is_active), None),
            (label_of("created_at"), shown(user.created_at), None),
            (label_of("last_signed_in_at"), shown(user.last_signed_in_at), None),
        ]
        return Entry(
            id=user.id,
            version=user.version,
            title=user.email,
            values={name: getattr(user, name) for name in FIELDS},
            groups=[Group(_l("Account"), fields)],
            may_edit=self.may(Action.EDIT),
            may_delete=self.may(Action.DELETE) and user.id != gate.actor().user_id,
            labels={"employee_id": row.employee or ""},
            extra_actions=self._extra_actions(user),
            source=row,
        )

    def defaults(self) -> dict[str, Any]:
        """Return what a new account begins with: staff, who may sign in."""
        staff = next((role.id for role in reading.access_roles(gate.actor()) if role.name == "staff"), None)
        return {"is_active": True, "access_role_id": staff}

    def create(self, form: forms.Form) -> int:
        """Add an account."""
        return int(self.run("create_user", values=form.typed(*FIELDS)))

    def update(self, form: forms.RecordForm, entry: Entry) -> None:
        """Change an account."""
        version, original = form.made_from(), form.original()
        self.run("change_user", user_id=entry.id, version=version, original=original, values=form.typed(*FIELDS))

    def delete_question(self, entry: Entry, form: forms.Form) -> dict[str, Any]:
        """Say what ending the account does."""
        row: UserRow = entry.source
        if row.user.last_signed_in_at is None:
            words = _("Nobody ever signed in with this account, so it will be deleted. The employee stays.")
        else:
            words = _(
                "This account has been used, so it is switched off, and its sessions end at once. The employee stays."
            )
        return {
            "title": _("End the account: %(name)s", name=entry.title),
            "sentence": words,
            "submit_label": _("End the account"),
        }

    def delete(self, form: forms.Form, entry: Entry) -> str:
        """End an account."""
        was_kept = self.run("delete_user", user_id=entry.id, version=form.made_from())
        return str(
            _("%(name)s may no longer sign in.", name=entry.title)
            if was_kept
            else _("%(name)s was deleted.", name=entry.title)
        )

    @expose("/sign-in-link/", methods=("POST",))
    def sign_in_link_view(self) -> Any:
        """Make a one-time sign-in link and show it once."""
        if not self.may(Action.ADMINISTER):
            abort(403)
        entry = self._asked_entry()
        token = self.run("make_sign_in_link", user_id=entry.id)
        hours = int(LINK_LIVES.total_seconds() // 3600)
        return self._details_page(
            self.entry(entry.id),
            link=url_for("auth.sign_in_link", token=token, _external=True),
            link_lifetime=_("%(count)s hours", count=hours),
        )

    def _extra_actions(self, user: User) -> list[ExtraAction]:
        if not (self.may(Action.ADMINISTER) and user.is_active):
            return []
        return [
            ExtraAction(
                _l("Make a sign-in link"),
                self.get_url(".sign_in_link_view", id=user.id),
                "post",
                _l("For who has no password yet, or forgot it: it signs in once, and the old password ends with it."),
            )
        ]
