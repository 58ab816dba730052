"""PostgreSQL, free of subjects: where it is, how rows get in, and the schema's history."""
