"""The query cache: what it keeps, where, and what becomes of it when something fails."""
