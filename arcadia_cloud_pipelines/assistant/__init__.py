"""The marts for an assistant: what it may ask (`asking`, `querying`), and the server (`server`).

Nothing here imports Dagster, and nothing else imports this but the command `arcadia mcp`.
"""
