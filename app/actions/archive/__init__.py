"""The archive: what was sealed, as objects in a store elsewhere, which anchor the chain and outlive the database.

`objects` says what an object holds, `sending` puts it there, `comparing` proves that it is there; `replaying` and
`restoring` see to a database that was put back to an older state.
"""
