"""Alarms: tell people once when something turns bad, and once when it is well again.

`conditions` (with those of bills and tokens), `orchestration` (with runs that failed or hang) and
`dagster_parts` ask what is bad now, `state` keeps the episodes in the warehouse, `delivery` sends
what is due through `channels`, and `look` joins them. Plain Python without Dagster. What is wrong
with a thing is known by its subject; here it is only asked for.
"""
