"""Two people edited one record: what each of them sees of the other's change, and how the second one settles it.

The form keeps what was typed. Where both changed a field it stands beside theirs, to choose from; where only they did,
theirs is taken over into the form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import request
from flask_babel import gettext as _
from wtforms import SelectField

from app.access.actor import Actor
from app.core.problems import Conflict
from app.reading.lookups import labels
from app.reading.saved import last_saved
from app.ui.forms import LookupField, RecordForm, as_typed, spelled
from app.ui.labels import field as label_of
from app.ui.labels import shown


@dataclass(frozen=True, slots=True)
class Record:
    """The record that a form is for, by its table, and who edits it."""

    actor: Actor
    entity: str
    id: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that both changed: what is saved now and what it was before, in words; None where that is not known."""

    name: str
    label: str
    theirs: str
    original: str | None


@dataclass(frozen=True, slots=True)
class Clash:
    """What a form's page shows of a conflict."""

    fields: list[Difference]
    taken_over: list[str]
    reload_url: str
    who: str | None
    when: datetime | None

    @property
    def names(self) -> set[str]:
        """The fields that stand beside theirs."""
        return {difference.name for difference in self.fields}


def settle(form: RecordForm) -> None:
    """Fill in theirs where the reader chose it: what the form was made from since the conflict was shown."""
    for name, value in form.original().items():
        if request.form.get(f"take-{name}") == "theirs":
            form[name].data = value


def clash(form: RecordForm, stale: Conflict, record: Record, reload_url: str) -> Clash:
    """Return both sides of a conflict.

    The form keeps what was typed, takes over what only they changed, and counts as made from the present record: so
    saving it again takes its values, and a further change meanwhile is merged like the first.
    """
    kept = {name: value for name, value in stale.kept.items() if name in form}
    taken_over = [label_of(name) for name, value in kept.items() if spelled(form[name].data) != spelled(value)]
    was = form.original() | kept | {name: value for name, value in stale.theirs.items() if name in form}
    for name, value in as_typed(kept).items():
        form[name].data = value
    form.remember(was)
    form["version"].data = str(stale.version)
    fields = _differences(form, stale, record.actor)
    by = last_saved(record.actor, record.entity, record.id, {one.name for one in fields})
    return Clash(fields, taken_over, reload_url, by.who if by else None, by.when if by else None)


def saved(sentence: str, form: RecordForm, present: Mapping[str, Any], record: Record) -> str:
    """Return what to say after saving: the sentence, or what somebody else changed since the form was made."""
    names = [
        name
        for name, value in form.original().items()
        if name in present and spelled(form[name].data) == spelled(value) != spelled(present[name])
    ]
    if not names:
        return sentence
    told = {"fields": ", ".join(map(label_of, names))}
    by = last_saved(record.actor, record.entity, record.id, names)
    if by and by.who:
        return str(_("Saved, together with changes that %(who)s made meanwhile: %(fields)s.", who=by.who, **told))
    return str(_("Saved, together with changes that were made meanwhile: %(fields)s.", **told))


def _differences(form: RecordForm, stale: Conflict, actor: Actor) -> list[Difference]:
    names = [name for name in stale.theirs if name in form]
    found = labels(
        actor,
        {
            (item.kind, side[name])
            for name in names
            if isinstance(item := form[name], LookupField)
            for side in (stale.theirs, stale.original)
            if isinstance(side.get(name), int)
        },
    )

    def words(name: str, value: Any) -> str:
        item = form[name]
        if isinstance(item, LookupField) and value is not None:
            return found.get((item.kind, value), str(value))
        if isinstance(item, SelectField):
            choices = {str(option.value): str(option.label) for option in item.iter_choices()}
            return choices.get(spelled(value), shown(value))
        return shown(value)

    return [
        Difference(
            name,
            label_of(name),
            words(name, stale.theirs[name]),
            words(name, stale.original[name]) if name in stale.original else None,
        )
        for name in names
    ]
