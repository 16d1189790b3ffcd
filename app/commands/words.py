"""Problems as one sentence on stderr and exit code 1, for all commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy.exc import SQLAlchemyError

from app.core.database.diagnosis import Fault, diagnose, fault
from app.core.problems import Problem, Unavailable


@contextmanager
def failing_in_words() -> Iterator[None]:
    """End the command with a sentence where a problem, or the database, stops what is inside."""
    try:
        yield
    except Problem as problem:
        cause = problem.__cause__ if isinstance(problem, Unavailable) else None
        raise click.ClickException(diagnose(cause) if cause else str(problem)) from problem
    except SQLAlchemyError as error:
        if fault(error) is Fault.OTHER:  # a fault of ours: the traceback is what helps
            raise
        raise click.ClickException(diagnose(error)) from error
