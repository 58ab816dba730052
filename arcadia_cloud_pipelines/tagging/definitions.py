"""The Dagster definitions of the tag policy; the hourly refresh of the inventory reads it."""

from __future__ import annotations

import dagster as dg

from ..dagster_support.assets import RESOURCES
from .assets import ASSETS, CHECKS

defs = dg.Definitions(assets=ASSETS, asset_checks=CHECKS, resources=RESOURCES)
