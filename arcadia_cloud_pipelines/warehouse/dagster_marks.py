"""Words that the product leaves in Dagster's events, for those who read Dagster's database.

They stand at the ground because writer and readers share no other module: a step writes them, the
storage, the alarms and the first refresh read them.
"""

from __future__ import annotations

WHOLE_ACCOUNT = "whole_account"
"""Metadata of a failure that is the whole account's: `DigitalOceanError.account_wide`."""
