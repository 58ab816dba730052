"""PostgreSQL, free of subjects: where it is, how rows get in, and the schema's history.

What belongs here: connecting, migrating, copying, and the embedded server. A subject's tables stand
in its own `tables.py`; the package's `schema.py` gathers them.
"""
