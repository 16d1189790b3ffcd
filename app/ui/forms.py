"""Forms that carry text as it was typed: what it means, and what is wrong with it, the actions decide.

So one rule has one sentence, whether it comes through a form, a file or the API, and nothing typed is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from flask import url_for
from flask_wtf import FlaskForm
from wtforms import Field, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.widgets import DateInput, EmailInput, NumberInput, TelInput

from app.core.problems import Invalid
from app.core.values import row_id
from app.ui.labels import FIELDS, WORDS


class Form(FlaskForm):
    """A form with a CSRF token; the errors of actions are put at its fields."""

    def add_errors(self, invalid: Invalid) -> None:
        """Show an action's errors at the fields they are about, or on top where there is no such field."""
        for name, sentences in invalid.errors.items():
            words = [str(sentence) for sentence in sentences]
            if name in self:
                self[name].errors = [*self[name].errors, *words]
            else:
                self.form_errors.extend(words)

    def made_from(self) -> int:
        """Return the version of the record that the form was made from; 0, which none has, for anything else."""
        return row_id(str(self["version"].data or "")) or 0

    def typed(self, *names: str) -> dict[str, Any]:
        """Return what was typed into these fields."""
        return {name: self[name].data for name in names if name in self}


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


def _plain(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value


def lookups(form: Iterable[Any]) -> list[LookupField]:
    """Return the look-up fields of a form."""
    return [field for field in form if isinstance(field, LookupField)]
