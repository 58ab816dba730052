"""Numbers for Prometheus: how the deployment is, asked of its two databases at each scrape.

They come from what is stored, not from counters in a process: a run that crashed, a queue that
waits and a sync of last night are in them, and a restart changes nothing.
"""
