"""The worker: it looks for a job each second, does it, and goes on doing so whatever becomes of the database."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import Any

from flask import Flask, g
from flask_babel import lazy_gettext as _l
from sqlalchemy.exc import SQLAlchemyError

from app.core.beating import beating
from app.core.clock import now
from app.core.database import schema
from app.core.database.diagnosis import Fault, diagnose, fault
from app.core.database.engine import end_transaction
from app.core.jobs import queue, schedules
from app.core.jobs.job import State
from app.core.jobs.queue import ALL_JOBS, Held, Lane, LeaseLost
from app.core.problems import Outdated, Passing, Problem, Unavailable

POLL_SECONDS = 1.0
# Three chances to renew a lease before it runs out.
HEARTBEAT_SECONDS = 10.0
LONGEST_WAIT_SECONDS = 30.0
MOST_DOUBLINGS = 10  # beyond a thousand of them, no float holds the result
UNFORESEEN = _l("Something went wrong that nobody foresaw. The log of the worker tells what.")

# Does a job from where it is to resume; asks before each step whether the worker wants to end. Returns DONE, CANCELLED
# because somebody asked for it, or WAITING because of the worker.
Do = Callable[[Held, Callable[[], bool]], State]
# Runs a function in a write transaction of its own and returns what it returns.
Write = Callable[[Callable[[], Any]], Any]

log = logging.getLogger(__name__)


def work(
    app: Flask,
    do: Do,
    write: Write,
    wanted: Sequence[schedules.Schedule],
    stopping: threading.Event,
    *,
    is_once: bool = False,
    lane: Lane = ALL_JOBS,
    is_paused: Callable[[], bool] = lambda: False,
) -> None:
    """Do jobs until `stopping` is set, or with `is_once` until nothing is due; then a database in trouble raises.

    An idle worker reads one row a second, writes nothing and leaves no transaction open. One whose code is too old for
    the tables, or too new, takes no job; nor does any while `is_paused` says so, which is no trouble.
    """
    seen: dict[str, str] = {}
    pause = _Pause(is_paused)
    repeat(app, lambda: _turn(app, do, write, wanted, seen, stopping, lane, pause), stopping, is_once=is_once)


class _Pause:
    """Asks whether jobs have to wait, and tells when they begin to and when they go on."""

    def __init__(self, is_paused: Callable[[], bool]) -> None:
        self._is_paused = is_paused
        self._was_paused = False

    def is_now(self) -> bool:
        is_paused = self._is_paused()
        if is_paused != self._was_paused:
            log.info("jobs wait: nothing may be changed at the moment" if is_paused else "jobs go on")
        self._was_paused = is_paused
        return is_paused


def repeat(app: Flask, turn: Callable[[], bool], stopping: threading.Event, *, is_once: bool = False) -> None:
    """Call `turn` in an application context again and again; when it finds nothing to do, a second later.

    Ends when `stopping` is set, or with `is_once` when there is nothing more to do. Whatever goes wrong is told once
    and tried again, ever more slowly, until it goes well; with `is_once` it is raised.
    """
    failures = 0
    while not stopping.is_set():
        try:
            with app.app_context():
                is_idle = not turn()
        except Exception as error:
            if is_once:
                raise
            failures += 1
            if failures == 1:
                _tell(app, error)
            stopping.wait(min(POLL_SECONDS * 2 ** min(failures, MOST_DOUBLINGS), LONGEST_WAIT_SECONDS))
            continue
        if failures:
            log.info("the worker can work again", extra={"failures": failures})
            failures = 0
        if is_idle:
            if is_once:
                return
            stopping.wait(POLL_SECONDS)


def _turn(
    app: Flask,
    do: Do,
    write: Write,
    wanted: Sequence[schedules.Schedule],
    seen: dict[str, str],
    stopping: threading.Event,
    lane: Lane,
    pause: _Pause,
) -> bool:
    """Do one job, if there is one; return whether there was."""
    schedules.add_begun(wanted, seen, write)
    while found := queue.due(now(), lane):
        is_ours, is_paused = schema.is_usable(), pause.is_now()
        end_transaction()
        if not is_ours:
            raise Outdated()
        if is_paused:
            return False
        held = write(partial(queue.claim, found, now(), lane.patience))
        if held is not None:
            g.request_id = f"job-{held.id}"  # on every line of the log, and in the journal
            with _heartbeat(app, held, write):
                _do(held, do, write, stopping)
            return True
    end_transaction()
    return False


def _do(held: Held, do: Do, write: Write, stopping: threading.Event) -> None:
    """Do a job and note how it ended; what is left undone where the database is away, the lease's end makes good."""
    began = time.perf_counter()
    facts = {"job_id": held.id, "action": held.action}
    try:
        state = do(held, stopping.is_set)
        end = {State.DONE: queue.finish, State.CANCELLED: queue.stop, State.WAITING: queue.release}[state]
        write(partial(end, held))
        milliseconds = round((time.perf_counter() - began) * 1000, 1)
        log.info("job", extra={**facts, "state": str(state), "milliseconds": milliseconds})
    except LeaseLost:
        log.warning("another worker took over the job", extra=facts)
    except Exception as error:
        _give_back(held, error, write)


def _give_back(held: Held, error: Exception, write: Write) -> None:
    """Note that a try failed: a rule that says no says so again, but a crash or a lost connection may pass."""
    facts = {"job_id": held.id, "action": held.action}
    is_passing = isinstance(error, Passing) or not isinstance(error, Problem)
    sentence = str(error if isinstance(error, Problem) else UNFORESEEN)
    with suppress(LeaseLost):
        is_given_up = write(lambda: queue.fail(held, sentence, is_final=not is_passing))
        log.log(
            logging.ERROR if is_passing else logging.WARNING,
            "the job failed" if is_given_up else "the job failed and is tried again later",
            extra=facts,
            exc_info=error if is_passing else None,
        )


def _heartbeat(app: Flask, held: Held, write: Write) -> AbstractContextManager[None]:
    """Renew the lease while the block runs, on a connection of its own.

    Without any beat another worker takes over, and `advance` stops this one.
    """
    name = f"heartbeat of job {held.id}"
    return beating(app, name, HEARTBEAT_SECONDS, lambda: write(lambda: queue.renew(held, now())))


def _tell(app: Flask, error: Exception) -> None:
    """Log once what keeps the worker from working; the traceback only of what is no trouble of the database."""
    cause = error.__cause__ if isinstance(error, Unavailable) and error.__cause__ else error
    is_database = isinstance(error, Problem) or (isinstance(error, SQLAlchemyError) and fault(error) is not Fault.OTHER)
    with app.app_context():
        words = diagnose(cause) if is_database and isinstance(cause, SQLAlchemyError) else str(error)
    if is_database:
        log.error(words)
    else:
        log.error("the worker stumbled and goes on", exc_info=error)
