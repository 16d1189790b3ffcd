"""Recorded changes in words, for the journal, for histories and for previews of what an action would do.

`described(actor, changes)` takes the changes of an `Outcome` or of the journal and returns what the macro
`change_list(items)` of `_macros/changes.html` shows: an item for each record, people together with their job and pay
history, and at the end one that counts the records not for this reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import islice
from typing import Any

from flask import has_request_context, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.access.actor import Actor
from app.access.gate import has_panels
from app.access.grants import Action, Scope, Subject
from app.changes.tracking import Change, Operation
from app.core.clock import today
from app.core.problems import Sentence
from app.people.employee import Status
from app.people.erased import number_of
from app.reading.differences import OF_PEOPLE, Difference, FieldChange, Reference, readable
from app.ui.labels import ENTITIES, FIELDS, WORDS, access_role, last_day, money, shown
from app.ui.labels import field as label_of

ORDER = {name: position for position, name in enumerate(FIELDS)}
LONG = 60
UNSHOWN = {"created_at"}
"""When an account was made stands beside the change itself."""


@dataclass(frozen=True, slots=True)
class Line:
    """A field: its label, and what it said before and after; None on a side that there is not."""

    label: str
    before: str | None
    after: str | None

    @property
    def is_long(self) -> bool:
        """Whether the two sides stand better below each other than in one line."""
        return any(text and (len(text) > LONG or "\n" in text) for text in (self.before, self.after))


@dataclass(slots=True)
class Item:
    """What happened to one record, in words; `hidden_records` is of the item that only counts others."""

    name: str = ""
    kind: str = ""
    url: str | None = None
    what: str = ""
    tone: str = ""
    lines: list[Line] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    hidden: int = 0
    hidden_records: int = 0
    person_id: int | None = None


def described(actor: Actor, changes: Sequence[Change], *, within: tuple[Subject, ...] = ()) -> list[Item]:
    """Return what changes say to this reader, in words; `within` as `reading.differences.readable` takes it."""
    return described_each(actor, [changes], within=within)[0]


def described_each(
    actor: Actor, groups: Sequence[Sequence[Change]], *, within: tuple[Subject, ...] = ()
) -> list[list[Item]]:
    """Return the same for several groups of changes, in no more statements than for one."""
    differences = iter(readable(actor, [change for group in groups for change in group], within=within))
    return [_items(actor, islice(differences, len(group))) for group in groups]


def _items(actor: Actor, differences: Iterable[Difference]) -> list[Item]:
    together: dict[tuple[str, int], list[Difference]] = {}
    hidden = 0
    for difference in differences:
        if difference.is_hidden:
            hidden += 1
        elif difference.entity in OF_PEOPLE:
            together.setdefault(("employees", difference.person_id or 0), []).append(difference)
        else:
            together.setdefault((difference.entity, difference.id), []).append(difference)
    items = [_item(actor, _folded(parts)) for parts in together.values()]
    if hidden:
        items.append(Item(hidden_records=hidden))
    return items


def _folded(parts: Iterable[Difference]) -> list[Difference]:
    """Return one difference a row, though several transactions of a set may have changed it: from first to last."""
    found: dict[tuple[str, int], Difference] = {}
    for part in parts:
        key = (part.entity, part.id)
        found[key] = _one_of(found[key], part) if key in found else part
    return list(found.values())


def _one_of(first: Difference, then: Difference) -> Difference:
    if then.operation is Operation.ERASE or first.operation in (Operation.DELETE, Operation.ERASE):
        return then
    if then.operation is Operation.DELETE and first.operation is Operation.CREATE:
        return then
    fields = {change.field: change for change in first.fields}
    for change in then.fields:
        before = fields[change.field].before if change.field in fields else change.before
        fields[change.field] = replace(change, before=before)
    operation = then.operation if then.operation is Operation.DELETE else first.operation
    return replace(
        first,
        operation=operation,
        fields=[change for change in fields.values() if change.before != change.after],
        hidden=max(first.hidden, then.hidden),
        is_emptied=first.is_emptied and then.is_emptied,
    )


def _item(actor: Actor, parts: list[Difference]) -> Item:
    record = next((part for part in parts if part.entity not in STRETCHES), None)
    item = Item(name=name_of(parts[0]), kind=str(ENTITIES.get(_table(parts[0]), "")), url=_url(actor, parts[0]))
    item.person_id = parts[0].person_id if parts[0].entity in OF_PEOPLE else None
    if parts[0].number and parts[0].number != number_of(parts[0].person_id or 0):
        item.kind = f"{item.kind} {parts[0].number}"
    item.what, item.tone = _what(record, parts)
    item.hidden = sum(part.hidden for part in parts)
    if record is not None:
        item.lines = [line for change in _ordered(record.fields) for line in _lines(record, change)]
        if record.is_emptied:
            item.notes.append(_("What was changed has been erased."))
    for part in sorted((part for part in parts if part is not record), key=_begins):
        item.notes.extend(STRETCHES[part.entity](part, record))
    return item


def _begins(part: Difference) -> tuple[str, date]:
    """Return what stretches of history stand sorted by: jobs before pay, each by their first day."""
    first = next((change for change in part.fields if change.field == "valid_from"), None)
    day = (first.after or first.before) if first is not None else part.beside.get("valid_from")
    return part.entity, day or date.max


def _table(part: Difference) -> str:
    return "employees" if part.entity in OF_PEOPLE else part.entity


def name_of(part: Difference) -> str:
    """Return what the record is called that a difference is about."""
    if part.entity == "grants":
        return _("Right of an access role")
    if part.entity == "change_sets":
        return _("Change %(number)s", number=part.id)
    if part.entity in OF_PEOPLE and part.number == number_of(part.person_id or 0):
        return _("An erased person")
    if part.name:
        return access_role(part.name) if part.entity == "access_roles" else part.name
    return _("Somebody who was removed") if part.entity in OF_PEOPLE else _("A record that was removed")


def _url(actor: Actor, part: Difference) -> str | None:
    """Return where the record is shown, for a reader who may go there."""
    if not (part.is_here and has_request_context()):
        return None
    if part.entity in OF_PEOPLE:
        if Subject.EMPLOYMENT in part.groups and actor.can_beyond_self(Action.VIEW, Subject.EMPLOYMENT):
            return url_for("employees.details_view", id=part.person_id)
        return url_for("web.person", number=part.number) if part.number else None
    if part.entity in ("departments", "roles") and has_panels(actor):
        return url_for(f"{part.entity}.details_view", id=part.id)
    if part.entity == "users" and actor.can_beyond_self(Action.VIEW, Subject.ACCOUNTS):
        return url_for("users.details_view", id=part.id)
    return None


# What happened, in a word or two

MADE: dict[Operation, tuple[Sentence, str]] = {
    Operation.CREATE: (_l("Added"), "good"),
    Operation.UPDATE: (_l("Changed"), ""),
    Operation.DELETE: (_l("Removed"), "bad"),
    Operation.ERASE: (_l("Erased"), "bad"),
}
MOVED: tuple[tuple[str, Sentence], ...] = (
    ("department_id", _l("Transferred")),
    ("role_id", _l("New role")),
    ("manager_id", _l("New manager")),
)
HISTORIES: dict[str, Sentence] = {"assignments": _l("Job history"), "pay": _l("Pay")}


def _what(record: Difference | None, parts: Iterable[Difference]) -> tuple[str, str]:
    """Return what happened and the tone of it, from nothing but what the reader may see."""
    if record is None:
        return " · ".join(str(HISTORIES[name]) for name in HISTORIES if any(p.entity == name for p in parts)), ""
    if record.operation is not Operation.UPDATE:
        words, tone = MADE[record.operation]
        return str(words), tone
    changed = {change.field: change for change in record.fields}
    if record.entity == "employees":
        status = changed.get("status")
        if status is not None and Status.LEFT in (status.before, status.after):
            return (_("Left"), "bad") if status.after is Status.LEFT else (_("Came back"), "good")
        for name, moved in MOVED:
            if name in changed:
                return str(moved), ""
        if status is not None:
            return shown(status.after), "wait" if status.after is Status.ON_LEAVE else "good"
    closed = changed.get("closed_on")
    if closed is not None:
        return (_("Opened again"), "good") if closed.after is None else (_("Closed"), "bad")
    words, tone = MADE[Operation.UPDATE]
    return str(words), tone


# Fields


def _ordered(fields: Iterable[FieldChange]) -> list[FieldChange]:
    return sorted((f for f in fields if f.field not in UNSHOWN), key=lambda f: ORDER.get(f.field, len(ORDER)))


def _lines(part: Difference, change: FieldChange) -> Iterable[Line]:
    if change.field == "custom":
        yield from _custom(part.operation, change.before or {}, change.after or {})
    else:
        yield _line(part.operation, label_of(change.field), *(_text(change.field, v) for v in _both(change)))


def _line(operation: Operation, label: str, before: str, after: str) -> Line:
    return Line(
        label,
        None if operation in (Operation.CREATE, Operation.ERASE) else before,
        None if operation is Operation.DELETE else after,
    )


def _custom(operation: Operation, before: dict[str, Any], after: dict[str, Any]) -> Iterable[Line]:
    for name in {**before, **after}:
        if before.get(name) != after.get(name):
            yield _line(operation, name, shown(before.get(name)), shown(after.get(name)))


def _both(change: FieldChange) -> tuple[Any, Any]:
    return change.before, change.after


def _text(field: str, value: Any) -> str:
    """Return a value as people read it; "" for nothing."""
    if isinstance(value, Reference):
        if value.is_hidden:
            return _("somebody you may not see")
        if value.name is None:
            return _("somebody who was removed") if value.kind == "employees" else _("one that was removed")
        return access_role(value.name) if value.kind == "access_roles" else value.name
    if field == "photo" and value:
        return _("a picture")
    if field in GRANT_WORDS and value:
        return str(next((WORDS[member] for member in GRANT_WORDS[field] if member == value), value))
    return shown(value)


GRANT_WORDS: dict[str, type[Action | Subject | Scope]] = {"action": Action, "subject": Subject, "scope": Scope}


# Job and pay history: a sentence for each stretch


def _job(part: Difference, record: Difference | None) -> list[str]:
    values = {change.field: change for change in part.fields}
    if part.is_emptied:
        return [_("A stretch of the job history has been erased.")]
    if part.operation is not Operation.UPDATE:
        side = {
            name: change.before if part.operation is Operation.DELETE else change.after
            for name, change in values.items()
        }
        words = _stretch(side, _place(side))
        return [_("Removed: %(job)s", job=words) if part.operation is Operation.DELETE else words]
    return _moved(part, _("Job"), _corrections(part, record))


def _place(side: dict[str, Any]) -> str:
    """Return where and as what somebody worked, under whom."""
    named = [_text(name, side[name]) for name in ("department_id", "role_id") if side.get(name) is not None]
    if side.get("manager_id") is not None:
        named.append(_("under %(name)s", name=_text("manager_id", side["manager_id"])))
    if side.get("status") not in (None, Status.ACTIVE):
        named.append(shown(side["status"]).lower())
    return _("Job from %(day)s: %(job)s", day=shown(side.get("valid_from")), job=", ".join(named) or "–")


def _stretch(side: dict[str, Any], words: str) -> str:
    until = side.get("valid_to")
    return words if until is None else _("%(stretch)s, until %(day)s", stretch=words, day=shown(last_day(until)))


def _corrections(part: Difference, record: Difference | None) -> list[str]:
    """Return what was corrected in a stretch, but for what the record's own fields say already."""
    told = {(c.field, c.before, c.after) for c in record.fields if c.field != "custom"} if record is not None else set()
    return [
        f"{label_of(c.field)}: {_text(c.field, c.before) or '–'} → {_text(c.field, c.after) or '–'}"
        for c in _ordered(part.fields)
        if c.field not in ("valid_from", "valid_to") and (c.field, c.before, c.after) not in told
    ]


def _pay(part: Difference, _record: Difference | None) -> list[str]:
    values = {change.field: change for change in part.fields}
    if part.is_emptied:
        return [_("A stretch of the pay history has been erased.")]
    if part.operation is Operation.UPDATE:
        sides = [dict(part.beside) | {name: _both(c)[side] for name, c in values.items()} for side in (0, 1)]
        corrections = []
        if values.keys() & {"amount", "currency", "period"}:
            corrections.append(" → ".join(_money(side) for side in sides))
        if "reason" in values:
            before, after = (_text("reason", side.get("reason")) or "–" for side in sides)
            corrections.append(f"{_('Reason')}: {before} → {after}")
        return _moved(part, _("Pay"), corrections)
    side = {
        name: change.before if part.operation is Operation.DELETE else change.after for name, change in values.items()
    }
    words = _("Pay from %(day)s: %(amount)s", day=shown(side.get("valid_from")), amount=_money(side))
    if side.get("reason"):
        words = f"{words} ({side['reason']})"
    words = _stretch(side, words)
    return [_("Removed: %(job)s", job=words) if part.operation is Operation.DELETE else words]


def _money(side: dict[str, Any]) -> str:
    return money(side.get("amount"), side.get("currency"), side.get("period"))


def _moved(part: Difference, noun: str, corrections: list[str]) -> list[str]:
    """Return the sentences on a stretch whose days moved or whose values were corrected."""
    values = {change.field: change for change in part.fields}
    first, last = values.get("valid_from"), values.get("valid_to")
    day = shown(first.after if first is not None else part.beside.get("valid_from"))
    words = {"what": noun, "day": day or "–"}
    notes = []
    if first is not None:
        notes.append(_("%(what)s now from %(day)s, before from %(was)s", was=shown(first.before), **words))
    if last is not None:
        ends, ended = shown(last_day(last.after)), shown(last_day(last.before))
        if not ends:
            notes.append(_("%(what)s from %(day)s goes on, before until %(was)s", was=ended, **words))
        elif ended:
            notes.append(_("%(what)s from %(day)s ends on %(end)s, before on %(was)s", end=ends, was=ended, **words))
        elif last.after > today():
            notes.append(_("%(what)s from %(day)s ends on %(end)s", end=ends, **words))
        else:
            notes.append(_("%(what)s from %(day)s ended on %(end)s", end=ends, **words))
    if corrections:
        told = "; ".join(corrections)
        notes.append(_("%(what)s from %(day)s corrected: %(told)s", told=told, **words))
    elif values.keys() - {"valid_from", "valid_to"}:
        notes.append(_("%(what)s from %(day)s corrected", **words))
    return notes


STRETCHES: dict[str, Callable[[Difference, Difference | None], list[str]]] = {"assignments": _job, "pay": _pay}
