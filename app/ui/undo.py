"""The units of an undo in words."""

from __future__ import annotations

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.actions.undo import Kind, Unit
from app.core.problems import Sentence
from app.ui.labels import ENTITIES
from app.ui.labels import field as label_of

PARTS: dict[str, Sentence] = {"job": _l("Job and job history"), "pay": _l("Pay")}
WHOLE: dict[Kind, Sentence] = {Kind.REMOVE: _l("Remove it again"), Kind.BRING_BACK: _l("Bring it back")}


def label(unit: Unit) -> str:
    """Return what a unit is called beside its tick."""
    if unit.part:
        return str(PARTS.get(unit.part) or label_of(unit.part))
    main = next((step for step in unit.steps if (step.entity, step.id) == unit.record), unit.steps[0])
    return str(WHOLE.get(main.kind, _("Undo it")))


def line(unit: Unit, why: Sentence) -> str:
    """Return why a unit was left out, in one line."""
    kind = ENTITIES.get(unit.record[0], unit.record[0])
    name = unit.name or f"{kind} {unit.record[1]}"
    return f"{name}, {label(unit)}: {why}"
