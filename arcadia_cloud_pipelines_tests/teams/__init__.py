"""Several teams in one store."""
