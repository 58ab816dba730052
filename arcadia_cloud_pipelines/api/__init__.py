"""The HTTP API: what the warehouse holds, for other programs, behind tokens it only verifies.

What belongs here: HTTP. What is asked of the tables is asked here; every rule about them lives with
its subject (`inventory`, `billing`, `drift`), and who may see what is decided by `auth` and, for
tenants, by the database.
"""
