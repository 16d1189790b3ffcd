"""The database layer: engines, the errors that mean “again” or “gone”, and the write transaction."""
