"""Job and pay history on a person's page, and the pages that take back a plan, or correct or remove a pay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar

from flask import abort, flash, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import StringField

from app.access.grants import Subject
from app.admin.bulk_forms import RAISE
from app.admin.closing import EndingForm
from app.admin.declarations import Entry, Link, Table
from app.changes.journal import REASON_LENGTH
from app.changes.read_only import ReadOnly
from app.core.problems import Conflict, Invalid, NotFound, Sentence
from app.core.values import row_id
from app.people.employee import Status
from app.people.history import Pay, PayPeriod
from app.reading.person import JobStretch, PayStretch, Record
from app.ui import forms
from app.ui.labels import last_day, money, shown

if TYPE_CHECKING:
    from app.admin.panel import Panel

Stretch = TypeVar("Stretch", JobStretch, PayStretch)
SAID = ("amount", "currency", "period")

JOB_COLUMNS = (_l("From"), _l("Until"), _l("Status"), _l("Department"), _l("Role"), _l("Manager"))
PAY_COLUMNS = (_l("From"), _l("Until"), _l("Amount"), _l("Reason"))


class PayForm(EndingForm):
    """What a pay says, and why that is corrected."""

    amount = forms.number("amount", required=True, step="any", min=0)
    currency = forms.text("currency", required=True, maxlength=3)
    period = forms.choice("period", PayPeriod)
    pay_reason = StringField(
        _l("Reason in the pay history"),
        render_kw={"maxlength": Pay.REASON_LENGTH},
        description=_l("Like “Yearly review”. The person can read it."),
    )


@dataclass(frozen=True, slots=True)
class Question:
    """What a page asks about one stretch: its title, what that says now, what would happen, and the words to answer."""

    title: str
    facts: list[tuple[Sentence, str]]
    sentences: list[str]
    yes: str
    no: str
    done: str
    is_danger: bool = True
    raise_url: str | None = None


# The tables


def tables(panel: Panel, record: Record) -> list[Table]:
    """Return the histories that the reader may see, each row with what they may do to it."""
    made = []
    if Subject.EMPLOYMENT in record.groups:
        rows, ways = [_job(job) for job in record.jobs], [_job_ways(panel, record, job) for job in record.jobs]
        made.append(Table(_l("Job history"), [*map(str, JOB_COLUMNS)], rows, _("No job history yet."), ways))
    if Subject.COMPENSATION in record.groups:
        rows, ways = [_pay(pay) for pay in record.pay], [_pay_ways(panel, record, pay) for pay in record.pay]
        raise_url = _raise_url(panel, record)
        first = Link(_l("First pay…"), raise_url) if raise_url else None
        made.append(Table(_l("Pay history"), [*map(str, PAY_COLUMNS)], rows, _("No pay recorded yet."), ways, first))
    return made


def _job(job: JobStretch) -> list[str]:
    return [
        _begin(job.valid_from, job.is_planned, job.is_overdue),
        shown(last_day(job.valid_to)),
        shown(job.status),
        job.department or "",
        job.role or "",
        job.manager or "",
    ]


def _pay(pay: PayStretch) -> list[str]:
    return [_begin(pay.valid_from, pay.is_planned), shown(last_day(pay.valid_to)), _amount(pay), pay.reason or ""]


def _begin(day: date, is_planned: bool, is_overdue: bool = False) -> str:
    if is_overdue:
        return str(_("%(day)s (could not take effect)", day=shown(day)))
    return str(_("%(day)s (planned)", day=shown(day))) if is_planned else shown(day)


def _amount(pay: PayStretch) -> str:
    return money(pay.amount, pay.currency, pay.period)


def _job_ways(panel: Panel, record: Record, job: JobStretch) -> list[Link]:
    if not (_is_ahead(record, job) and _may_cancel(record, job)):
        return []
    return [_way(panel, record, job, _l("Cancel…"), ".cancel_planned_view")]


def _pay_ways(panel: Panel, record: Record, pay: PayStretch) -> list[Link]:
    if not _may_pay(record):
        return []
    remove = _l("Cancel…") if pay.is_planned else _l("Remove…")
    return [
        _way(panel, record, pay, _l("Correct…"), ".correct_pay_view"),
        _way(panel, record, pay, remove, ".remove_pay_view"),
    ]


def _way(panel: Panel, record: Record, stretch: JobStretch | PayStretch, label: Sentence, endpoint: str) -> Link:
    return Link(label, panel.get_url(endpoint, id=record.id, row=stretch.id), _("from %(day)s", day=shown(stretch[0])))


def _raise_url(panel: Panel, record: Record) -> str | None:
    """Return where a pay from a day on is entered, for who may do that; not for somebody who left."""
    if not _may_pay(record) or record.values.get("status") is Status.LEFT:
        return None
    return str(panel.get_url(".do_view", wanted=RAISE.name, ids=record.id))


# Who may do what


def _may_pay(record: Record) -> bool:
    return Subject.COMPENSATION in record.editable


def _may_cancel(record: Record, job: JobStretch) -> bool:
    """Say whether the reader may take back a plan: whoever may change the job, for a leaving also record one."""
    may_change = {Subject.EMPLOYMENT, Subject.DIRECTORY} <= set(record.editable)
    return may_change and (job.status is not Status.LEFT or record.may_delete)


def _is_ahead(record: Record, job: JobStretch) -> bool:
    """Say whether a stretch of the job is a plan; the first one is how somebody begins."""
    return (job.is_planned or job.is_overdue) and job is not record.jobs[-1]


# The pages


def cancel_page(panel: Panel) -> Any:
    """Ask whether a planned change of the job is to be taken back, and do it."""
    entry = panel._asked_entry()
    record: Record = entry.source
    if not {Subject.EMPLOYMENT, Subject.DIRECTORY} <= set(record.editable):
        abort(403)
    job = _asked_row(record.jobs)
    # What took effect while the page was open is told by the action.
    if job is None or not (_is_ahead(record, job) or request.method == "POST"):
        return _gone(panel, entry)
    if not _may_cancel(record, job):
        abort(403)
    question = Question(
        title=_("Cancel what is planned: %(name)s", name=entry.title),
        facts=_job_facts(job),
        sentences=[_cancelled(record, job)],
        yes=_("Cancel the plan"),
        no=_("Keep it"),
        done=_("The plan was cancelled."),
    )
    form = EndingForm(data={"version": job.version})

    def cancel() -> None:
        panel.run("cancel_planned", employee_id=entry.id, assignment_id=job.id, reason=_why(form))

    return _page(panel, entry, job, form, question, cancel)


def correct_page(panel: Panel) -> Any:
    """Show in a form what a pay says, and correct it from its beginning."""
    entry, pay = _asked_pay(panel)
    if pay is None:
        return _gone(panel, entry)
    question = Question(
        title=_("Correct a pay: %(name)s", name=entry.title),
        facts=_pay_facts(pay),
        sentences=[
            _(
                "A correction changes what was wrong from the beginning: it holds from %(day)s on, as if it had been "
                "entered like this.",
                day=shown(pay.valid_from),
            ),
            _("The days stay as they are. Where the first day is wrong, remove this pay and enter it anew by a raise."),
        ],
        yes=_("Correct"),
        no=_("Cancel"),
        done=_("The pay was corrected."),
        is_danger=False,
        raise_url=_raise_url(panel, entry.source),
    )
    values = {"version": pay.version, "pay_reason": pay.reason, **{name: getattr(pay, name) for name in SAID}}
    form = PayForm(data=forms.as_typed(values))

    def correct() -> None:
        values = {**form.typed(*SAID), "reason": form["pay_reason"].data}
        arguments = {"employee_id": entry.id, "pay_id": pay.id, "version": form.made_from(), "values": values}
        try:
            panel.run("correct_pay", **arguments, reason=_why(form))
        except ReadOnly:
            raise
        except Invalid as invalid:
            # Two fields are a reason: the action's is the one in the pay history.
            names = {"reason": "pay_reason"}
            raise Invalid({names.get(name, name): words for name, words in invalid.errors.items()}) from invalid

    return _page(panel, entry, pay, form, question, correct)


def remove_page(panel: Panel) -> Any:
    """Ask whether a pay that was planned, or entered by mistake, is to be taken out, and do it."""
    entry, pay = _asked_pay(panel)
    if pay is None:
        return _gone(panel, entry)
    planned = pay.is_planned
    mistake = _("Remove only what was entered by mistake. Somebody who is paid otherwise from a day on gets a raise.")
    question = Question(
        title=(
            _("Cancel a planned pay: %(name)s", name=entry.title)
            if planned
            else _("Remove a pay: %(name)s", name=entry.title)
        ),
        facts=_pay_facts(pay),
        sentences=[*([] if planned else [mistake]), _removed(entry.source, pay)],
        yes=_("Cancel the plan") if planned else _("Remove"),
        no=_("Keep it"),
        done=_("The plan was cancelled.") if planned else _("The pay was removed."),
    )
    form = EndingForm(data={"version": pay.version})

    def remove() -> None:
        arguments = {"employee_id": entry.id, "pay_id": pay.id, "version": form.made_from()}
        panel.run("remove_pay", **arguments, reason=_why(form))

    return _page(panel, entry, pay, form, question, remove)


def _page(
    panel: Panel,
    entry: Entry,
    stretch: JobStretch | PayStretch,
    form: EndingForm,
    question: Question,
    act: Callable[[], None],
) -> Any:
    """Show the question; when it is answered, do it, unless the stretch moved on since it was shown."""
    back, status = panel.get_url(".details_view", id=entry.id), 422
    if form.validate_on_submit():
        try:
            if len(_why(form) or "") > REASON_LENGTH:
                raise Invalid({"reason": _l("Use at most %(count)s characters.", count=REASON_LENGTH)})
            if form.made_from() != stretch.version:
                raise Conflict(stretch.version, {})
            act()
        except NotFound:
            return _gone(panel, entry)
        except Conflict:
            # The version of what this page shows, so that nothing unseen is ever confirmed.
            form["version"].data = str(stretch.version)
            words = _("Somebody else changed this meanwhile. Above is what it says now. Look again, then confirm.")
            form.add_errors(Invalid({"": words}))
            status = 409
        except Invalid as invalid:
            form.add_errors(invalid)
        else:
            flash(question.done, "success")
            return redirect(back, 303)
    names = [item.name for item in form if item.name not in forms.CARRIED | {"reason"}]
    page = panel.render("admin/careers.html", form=form, names=[*names, "reason"], question=question, cancel_url=back)
    return page, status if form.errors else 200


def _asked_pay(panel: Panel) -> tuple[Entry, PayStretch | None]:
    entry = panel._asked_entry()
    if not _may_pay(entry.source):
        abort(403)
    return entry, _asked_row(entry.source.pay)


def _asked_row(stretches: Sequence[Stretch]) -> Stretch | None:
    wanted = row_id(request.args.get("row", ""))
    return next((stretch for stretch in stretches if stretch.id == wanted), None)


def _gone(panel: Panel, entry: Entry) -> Any:
    """Lead back from what is not there any more, and say so to who wanted to change it."""
    if request.method == "GET":
        raise NotFound()
    flash(_("This is not there any more: somebody else removed it, or it took effect. Nothing was changed."), "warning")
    return redirect(panel.get_url(".details_view", id=entry.id), 303)


def _why(form: EndingForm) -> str | None:
    return form["reason"].data or None


# The words


def _job_facts(job: JobStretch) -> list[tuple[Sentence, str]]:
    facts: list[tuple[Sentence, str]] = list(zip(JOB_COLUMNS, _job(job), strict=True))
    if job.status is Status.LEFT:  # the manager in it is who the reports go to
        facts[-1] = (_l("Who takes over"), facts[-1][1])
    return facts


def _pay_facts(pay: PayStretch) -> list[tuple[Sentence, str]]:
    return list(zip(PAY_COLUMNS, _pay(pay), strict=True))


def _cancelled(record: Record, job: JobStretch) -> str:
    """Return what becomes of the job without this plan."""
    if job.status is Status.LEFT:
        return str(_("The leaving is taken back: the person stays, and their pay goes on."))
    before = record.jobs[min(record.jobs.index(job) + 1, len(record.jobs) - 1)]
    if before.valid_to != job.valid_from:
        return str(_("The return is taken back: the person stays away, and what is planned after it goes as well."))
    return str(
        _(
            "The change is taken back, as if it had never been planned: what holds before it goes on. Later plans keep "
            "what they change themselves."
        )
    )


def _removed(record: Record, pay: PayStretch) -> str:
    """Return what is paid without this pay."""
    before = next((earlier for earlier in record.pay if earlier.valid_to == pay.valid_from), None)
    if before is None:
        return str(_("No other pay comes right before it, so these days are without a pay then."))
    return str(_("The pay right before it, %(amount)s, goes on instead.", amount=_amount(before)))
