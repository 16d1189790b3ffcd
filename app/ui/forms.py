"""Forms that carry text as it was typed: what it means, and what is wrong with it, the actions decide.

So one rule has one sentence, whether it comes through a form, a file or the API, and nothing typed is lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, HiddenField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.widgets import DateInput, EmailInput, NumberInput, TelInput

from app.access import gate
from app.changes.read_only import ReadOnly
from app.core.problems import Conflict, Invalid
from app.core.text import UNSTORABLE, key
from app.core.values import row_id
from app.reading import lookups as choices
from app.ui.labels import FIELDS, WORDS

CARRIED = frozenset({"csrf_token", "version", "was"})
"""Fields that a form brings back by itself; nobody types into them."""


class Form(FlaskForm):
    """A form with a CSRF token; the errors of actions are put at its fields."""

    is_refused = False
    """Whether nothing is wrong with what was typed, but nothing may be changed at the moment."""

    def add_errors(self, invalid: Invalid) -> None:
        """Show an action's errors at the fields they are about, or on top where there is no such field."""
        self.is_refused = isinstance(invalid, ReadOnly)
        for name, sentences in invalid.errors.items():
            words = [str(sentence) for sentence in sentences]
            if name in self:
                self[name].errors = [*self[name].errors, *words]
            else:
                self.form_errors.extend(words)

    def refuse(self, problem: Conflict | Invalid) -> int:
        """Show why nothing was done, and return the page's status; of a record that moved on, take the new version."""
        if isinstance(problem, Invalid):
            self.add_errors(problem)
            return 422
        self["version"].data = str(problem.version)
        self.form_errors.append(_("Somebody else changed this record meanwhile. Look again, then confirm."))
        return 409

    def made_from(self) -> int:
        """Return the version of the record that the form was made from; 0, which none has, for anything else."""
        return row_id(str(self["version"].data or "")) or 0

    def typed(self, *names: str) -> dict[str, Any]:
        """Return what was typed into these fields."""
        return {name: self[name].data for name in names if name in self}


class RecordForm(Form):
    """A form made from a record: it brings back which version that was, and the values it held, to be merged by."""

    version = HiddenField()
    was = HiddenField()

    def remember(self, values: Mapping[str, Any]) -> None:
        """Carry these values of the record, as far as the form has the fields."""
        known = {name: value for name, value in as_typed(values).items() if name in self}
        self["was"].data = json.dumps(known, ensure_ascii=False, separators=(",", ":"))

    def original(self) -> dict[str, Any]:
        """Return the values the form was made from, as it brought them back; without those that can't be read."""
        try:
            known = json.loads(self["was"].data or "{}")
        except (ValueError, RecursionError):
            return {}
        if not isinstance(known, dict):
            return {}
        names = self.data.keys() - CARRIED
        return {name: self._fitted(name, value) for name, value in known.items() if name in names and _is_fit(value)}

    def _fitted(self, name: str, value: Any) -> Any:
        # For Python a tick is the number 1, for PostgreSQL it is none at all.
        is_misplaced = isinstance(value, bool) and not isinstance(self[name], BooleanField)
        return spelled(value) if is_misplaced else value


class LookupField(Field):
    """A choice found by typing; holds an id, and the words for the present one in `label_text`."""

    def __init__(self, label: Any = None, *, kind: str, **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.kind = kind
        self.label_text = ""

    @property
    def lookup_url(self) -> str:
        """Where the choices come from."""
        return url_for("web.lookup", kind=self.kind)

    @property
    def typed_name(self) -> str:
        """The name under which a browser without scripts sends what was typed."""
        return f"{self.name}-typed"

    def process(self, formdata: Any, *arguments: Any, **options: Any) -> None:
        super().process(formdata, *arguments, **options)
        typed = (formdata.get(self.typed_name) or "").strip() if formdata else ""
        if typed:
            found = choices.KINDS[self.kind](gate.actor(), typed)
            same = [choice for choice in found if key(choice[1]) == key(typed)]
            self.data = (same or found)[0][0] if len(same or found) == 1 else typed

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:  # not sent at all, which is no wish to empty it
            return
        text = valuelist[0].strip()
        number = row_id(text)
        self.data = text or None if number is None else number


def text(name: str, *, required: bool = False, **options: Any) -> StringField:
    """Return a line of text, labelled like the column it is for."""
    return StringField(FIELDS[name], render_kw=options or None, validators=_flags(required))


def long_text(name: str, **options: Any) -> TextAreaField:
    """Return a text of several lines."""
    return TextAreaField(FIELDS[name], render_kw=options or None)


def email(name: str, *, required: bool = False, **options: Any) -> StringField:
    """Return a line for an e-mail address."""
    return StringField(FIELDS[name], widget=EmailInput(), render_kw=options or None, validators=_flags(required))


def phone(name: str) -> StringField:
    """Return a line for a telephone number."""
    return StringField(FIELDS[name], widget=TelInput())


def day(name: str, *, required: bool = False, description: Any = "") -> StringField:
    """Return a date."""
    return StringField(FIELDS[name], widget=DateInput(), validators=_flags(required), description=description)


def number(name: str, *, required: bool = False, **options: Any) -> StringField:
    """Return a number."""
    return StringField(FIELDS[name], widget=NumberInput(), render_kw=options or None, validators=_flags(required))


def choice(name: str, options: type[StrEnum]) -> SelectField:
    """Return a choice among the members of an enum."""
    return SelectField(
        FIELDS[name],
        choices=[SelectChoice(member.value, WORDS[member]) for member in options],
        validate_choice=False,
        validators=_flags(True),
    )


def lookup(name: str, kind: str, *, required: bool = False, label: Any = None, description: Any = "") -> LookupField:
    """Return a choice found by typing."""
    return LookupField(label or FIELDS[name], kind=kind, validators=_flags(required), description=description)


class _Required:
    """Marks a field as required for people and readers; the action is what insists."""

    field_flags = {"required": True}

    def __call__(self, _form: Any, _field: Any) -> None:
        return None


def _flags(required: bool) -> list[_Required]:
    return [_Required()] if required else []


def as_typed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored values as a form shows them for typing: dates and numbers in their plain spelling."""
    return {name: _plain(value) for name, value in values.items()}


def spelled(value: Any) -> str:
    """Return a value as a browser sends it back, so that it can be compared with what was sent."""
    return "" if value is None else str(_plain(value)).replace("\r\n", "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value


def _is_fit(value: Any) -> bool:
    """Say whether a value is one that a field can hold: text, a tick, an id or nothing."""
    if isinstance(value, str):
        return not UNSTORABLE.search(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return 0 <= value < 2**31
    return value is None or isinstance(value, bool)


def lookups(form: Iterable[Any]) -> list[LookupField]:
    """Return the look-up fields of a form."""
    return [field for field in form if isinstance(field, LookupField)]
