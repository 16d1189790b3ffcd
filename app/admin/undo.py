"""Undoing a change set from the journal: all of it or what is ticked, with what changed since beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from wtforms import BooleanField, TextAreaField

from app import actions
from app.access import gate
from app.actions import work
from app.actions.undo import Plan, Refused, State, Unit, check_set, is_large, mark, plan
from app.admin.approvals import of_many
from app.admin.history import shown_set
from app.changes.journal import REASON_LENGTH
from app.core.problems import Invalid, NotFound
from app.core.values import row_id
from app.reading import journal as reading
from app.reading.journal_rights import WITHIN
from app.ui.differences import Item, Line, described, described_each
from app.ui.forms import Form
from app.ui.labels import because
from app.ui.undo import label

if TYPE_CHECKING:
    from app.admin.panel import Panel

MOST = 200
"""So many units stand on the page; the others of a set go with them."""


class UndoForm(Form):
    """Why, and for a set too large to be shown, whether to overwrite what changed since."""

    reason = TextAreaField(
        _l("Why"),
        description=_l("Kept with the change, for whoever asks later."),
        render_kw={"maxlength": REASON_LENGTH, "rows": 2},
    )
    despite = BooleanField(_l("Also undo what was changed again since"))


@dataclass(frozen=True, slots=True)
class Compared:
    """A field that changed again: what the set left, what it is now, and what it would become."""

    label: str
    left: str
    now: str
    would: str


@dataclass(slots=True)
class ShownUnit:
    """A unit in words: what undoing would change, and where it can't be, or not without a choice, why."""

    key: str
    label: str
    state: State
    item: Item
    reason: str = ""
    is_ticked: bool = False
    compared: list[Compared] = field(default_factory=list)
    since: list[str] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether it can be ticked."""
        return self.state in (State.CLEAN, State.CHANGED)

    @property
    def lines(self) -> list[Line]:
        """The fields that are not compared."""
        compared = {one.label for one in self.compared}
        return [line for line in self.item.lines if line.label not in compared]


@dataclass(slots=True)
class ShownRecord:
    """A record with its units."""

    name: str
    kind: str
    url: str | None
    units: list[ShownUnit] = field(default_factory=list)


def page(panel: Panel) -> Any:
    """Show what undoing a set would do, and undo what is ticked of just that."""
    set_id = row_id(request.args.get("id", ""))
    if set_id is None:
        raise NotFound()
    entry = reading.one(gate.actor(), set_id).entry
    form, status = UndoForm(), 200
    context: dict[str, Any] = {
        "entry": shown_set(gate.actor(), entry, described(gate.actor(), entry.changes, within=WITHIN)),
        "back_url": panel.get_url(".details_view", id=set_id),
        "obstacle": None,
        "is_large": is_large(set_id),
        "waits": "",
        "records": [],
    }
    try:
        found = plan(gate.actor(), set_id) if not context["is_large"] else _checked(set_id)
    except Invalid as invalid:
        return panel.render("admin/undo.html", form=form, **context | {"obstacle": str(invalid)})
    if form.is_submitted():
        form.validate()
        if len(form["reason"].data or "") > REASON_LENGTH:
            form["reason"].errors = [_("Use at most %(count)s characters.", count=REASON_LENGTH)]
        elif context["is_large"]:
            try:
                return _begin(set_id, form)
            except Invalid as invalid:
                form.add_errors(invalid)
    if not context["is_large"]:
        answer, status = _answer(form, found)
        if not isinstance(answer, dict):
            return answer
        context |= answer
    else:
        context["waits"] = because(of_many())
    return panel.render("admin/undo.html", form=form, **context), 422 if form.errors else status


def _checked(set_id: int) -> Plan:
    """Return an empty plan of a set too large to be shown, if it can be undone at all."""
    check_set(gate.actor(), set_id)
    return Plan(set_id, None)


def _begin(set_id: int, form: UndoForm) -> Any:
    """Have a worker undo a large set."""
    job_id = work.start(
        "undo",
        actor=gate.actor(),
        source=actions.Source.PANEL,
        reason=form["reason"].data or None,
        undoes=set_id,
        change_set_id=set_id,
        despite=bool(form["despite"].data),
    )
    flash(_("This runs in the background. Here you see how far it is."), "info")
    return redirect(url_for("jobs.details_view", id=job_id), 303)


def _answer(form: UndoForm, found: Plan) -> tuple[Any, int]:
    """Undo what was ticked, where it is as it was shown; else return what the page shows, and its status."""
    units = _visible(found)
    seen = mark(unit for unit, _ in units)
    tried: tuple[dict[str, str], str] | None = None
    ticked: set[str] | None = None
    status = 200
    if form.is_submitted():
        ticked = set(request.form.getlist("unit"))
        if request.form.get("mark") != seen:
            form.form_errors.append(_("Something changed since you looked. Look again, then undo."))
            status = 409
        elif not form.errors:
            if len(units) > MOST:
                tried = _tried(found.change_set_id)
                shown = {*request.form.getlist("shown"), *tried[0]}
                ticked |= {unit.key for unit, _ in units if unit.state is State.CLEAN and unit.key not in shown}
            try:
                return _undo(found.change_set_id, [unit for unit, _ in units if unit.key in ticked], form), 303
            except Refused as refused:
                ticked -= refused.reasons.keys()
                form.add_errors(refused)
            except Invalid as invalid:
                form.add_errors(invalid)
    reasons, waits = tried or _tried(found.change_set_id)
    records = _records(units, reasons, ticked)
    shown_units = [unit for record in records for unit in record.units]
    return {
        "records": records,
        "waits": waits,
        "mark": seen,
        "done": len(found.of(State.DONE)),
        "hidden": len(found.units) - len(units) - len(found.of(State.DONE)),
        "more": len(units) - len(shown_units),
        "is_offered": any(unit.is_open for unit in shown_units),
    }, status


def _undo(set_id: int, chosen: Sequence[Unit], form: UndoForm) -> Any:
    """Undo these units; lead to the change set that did."""
    outcome = actions.run(
        "undo",
        actor=gate.actor(),
        source=actions.Source.PANEL,
        reason=form["reason"].data or None,
        undoes=set_id,
        change_set_id=set_id,
        only=[unit.key for unit in chosen],
        despite=[unit.key for unit in chosen if unit.state is State.CHANGED],
    )
    count = len({unit.record for unit in outcome.value.done})
    flash(ngettext("%(num)d record is as it was before.", "%(num)d records are as they were before.", count), "success")
    return redirect(url_for("journal.details_view", id=outcome.change_set_id or set_id), 303)


def _tried(set_id: int) -> tuple[dict[str, str], str]:
    """Return which units a rule forbids to undo, and why, and why the others would wait: it is tried and taken back."""
    try:
        outcome = actions.run(
            "undo",
            actor=gate.actor(),
            source=actions.Source.PANEL,
            preview=True,
            change_set_id=set_id,
            leave_out=True,
        )
    except Refused as refused:
        return {key: str(sentence) for key, sentence in refused.reasons.items()}, ""
    except Invalid:
        return {}, ""
    return {unit.key: str(why) for unit, why in outcome.value.left_out}, because(outcome.waits_for)


def _visible(found: Plan) -> list[tuple[Unit, tuple[Item, Item | None]]]:
    """Return the units at which something is left to do, and of which the reader may see something, in words."""
    units = found.of(State.CLEAN, State.CHANGED, State.REFUSED)
    groups = [[step.change() for step in unit.steps] for unit in units]
    groups += [[step.since() for step in unit.steps if step.moved] for unit in units]
    told = described_each(gate.actor(), groups, within=WITHIN)
    pairs = zip(units, told[: len(units)], told[len(units) :], strict=True)
    return [
        (unit, (items[0], since[0] if since and not since[0].hidden_records else None))
        for unit, items, since in pairs
        if items and not items[0].hidden_records
    ]


def _records(
    units: Sequence[tuple[Unit, tuple[Item, Item | None]]], reasons: dict[str, str], ticked: set[str] | None
) -> list[ShownRecord]:
    records: dict[tuple[str, int], ShownRecord] = {}
    for unit, (item, since) in units[:MOST]:
        record = records.setdefault(unit.record, ShownRecord(item.name, item.kind, item.url))
        record.units.append(_shown(unit, item, since, reasons.get(unit.key), ticked))
    return list(records.values())


def _shown(unit: Unit, item: Item, since: Item | None, reason: str | None, ticked: set[str] | None) -> ShownUnit:
    shown = ShownUnit(unit.key, label(unit), unit.state, item, reason or str(unit.reason or ""))
    is_refused = unit.state is State.CLEAN and reason is not None
    shown.is_ticked = unit.key in ticked if ticked is not None else unit.state is State.CLEAN and not is_refused
    if unit.state is State.CHANGED and since is not None:
        would = {line.label: line.after for line in item.lines}
        shown.compared = [
            Compared(line.label, line.before or "–", line.after or "–", would.get(line.label) or "–")
            for line in since.lines
        ]
        shown.since = since.notes
    return shown
