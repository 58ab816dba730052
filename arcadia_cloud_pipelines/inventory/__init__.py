"""What runs: projects, resources of every kind, and each change of them.

What belongs here: listing, cleaning, and the ledger that turns listings into rows and events. What
is particular to one kind stands in `kinds/`; how the API is spoken, in `digitalocean/`.
"""
