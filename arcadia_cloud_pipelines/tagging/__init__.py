"""The tag policy: which keys a resource's tags must have, from a reviewed file.

The policy itself and its table belong here. What breaks it is asked by `marts.untagged_resources`.
"""
