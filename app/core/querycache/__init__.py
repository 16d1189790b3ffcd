"""Joined queries kept under the version of what they read: never stale, because nothing has to be forgotten.

The database holds, beside the rows, a token for each group of tables that moves with every commit. A value is kept
under its statement and the tokens of one snapshot, so it says for ever what that snapshot held; whoever is at another
one looks under another key. What the store loses costs a query, never a wrong row.
"""

from app.core.querycache.cached import EVERYBODY, rows

__all__ = ["EVERYBODY", "rows"]
