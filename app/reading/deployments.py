"""Deployments as they were told, for who may see the system or the change sets that tell of them."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select

from app.access.actor import Actor
from app.access.grants import Action, Subject
from app.changes.deployments import Deployment
from app.extensions import db

LATEST = 5


def latest(actor: Actor) -> list[Deployment]:
    """Return the last few, the newest first."""
    actor.require(Action.VIEW, Subject.SYSTEM)
    query = select(Deployment).order_by(Deployment.at.desc(), Deployment.id.desc()).limit(LATEST)
    return list(db.session.scalars(query))


def of_sets(set_ids: Collection[int]) -> dict[int, Deployment]:
    """Return the deployments that these change sets tell of, whose reader sees those; without any, nothing is asked."""
    if not set_ids:
        return {}
    found = db.session.scalars(select(Deployment).where(Deployment.change_set_id.in_(set_ids)))
    return {row.change_set_id: row for row in found if row.change_set_id is not None}
