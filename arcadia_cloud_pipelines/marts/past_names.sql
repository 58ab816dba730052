/*
comment = """
Which name did a resource have before it was renamed? One row a change of name. What no row covers
is as cloud_resources has it today.
"""
grain = ["event_id"]
example = "SELECT resource_id, name, valid_to FROM marts.past_names ORDER BY valid_to DESC LIMIT 20"
[columns]
name = "What it was called."
valid_from = "Begin of the time in which it was: the change before. Null for the first one: from the beginning."
valid_to = "When it changed, exclusive."
event_id = "The event that ended it: cloud_resource_events.id."
as_of = "When it changed."
complete = "Always true: a change that was seen is a fact."
*/
SELECT
    change.account,
    change.resource_id,
    change.name,
    -- A clock may go backwards; the number of the event does not.
    lag(change.valid_to) OVER (
        PARTITION BY change.resource_id ORDER BY change.event_id
    ) AS valid_from,
    change.valid_to,
    change.event_id,
    change.valid_to AS as_of,
    true AS complete
FROM (
    SELECT
        r.account,
        e.resource_id,
        e.changes -> 'name' ->> 'from' AS name,
        max(e.occurred_at) OVER (PARTITION BY e.resource_id ORDER BY e.id) AS valid_to,
        e.id AS event_id
    FROM public.cloud_resource_events AS e
    JOIN public.cloud_resources AS r ON r.id = e.resource_id
    -- What was found with it was so before, too.
    WHERE e.event NOT IN ('discovered', 'drift_detected') AND e.changes ? 'name'
) AS change
