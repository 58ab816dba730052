"""What all assets share: their making, metadata, errors and runs.

What belongs here: the ways of Dagster that more than one subject needs. What a subject computes
stands in its own folder and knows no Dagster.
"""
