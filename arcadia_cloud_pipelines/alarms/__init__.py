"""Alarms: tell people once when something turns bad, and once when it is well again.

`conditions`, `orchestration` and `dagster_parts` ask what is bad now, `state` keeps the episodes in
the warehouse, `delivery` sends what is due through `channels`, and `watch` joins them. Plain Python
without Dagster. What is wrong with a thing is known by its subject; here it is only asked for.
"""
