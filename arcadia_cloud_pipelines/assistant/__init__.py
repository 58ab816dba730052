"""The marts for an assistant: what it may ask (`asking`), and the server that asks (`server`).

Nothing here imports Dagster, and nothing else imports this but the command `arcadia mcp`.
"""
