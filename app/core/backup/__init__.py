"""Backups: one file that holds the database, the files of the store and the keys, and puts them back on any engine.

The database is written row by row as plain values, from one snapshot, so a backup of one engine can be put back on
another. `container` is the file, `dumping` fills it, `restoring` puts it back; what differs by engine is in `ground`.
"""
