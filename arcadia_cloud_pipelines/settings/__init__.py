"""What people set: variables, the file `.env`, files that are reviewed, secrets, and teams.

What belongs here: reading a setting, and one clear error for each that cannot be read. What a
setting does stands with the subject that it is about.
"""

from .environment_file import API_URL, SettingsError, checkout
from .variables import (
    BROKER_URL,
    DEFAULT_QUEUE,
    JWT_ISSUER,
    SECRET_NAME,
    Executor,
    Purpose,
    Settings,
    asset_owners,
    executor_name,
    load_settings,
)

__all__ = [
    "API_URL",
    "BROKER_URL",
    "DEFAULT_QUEUE",
    "JWT_ISSUER",
    "SECRET_NAME",
    "Executor",
    "Purpose",
    "Settings",
    "SettingsError",
    "asset_owners",
    "checkout",
    "executor_name",
    "load_settings",
]
