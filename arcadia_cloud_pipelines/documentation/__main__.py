"""Write every page that is made from the code."""

from __future__ import annotations

from .pages import main

main()
