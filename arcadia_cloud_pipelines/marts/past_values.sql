/*
comment = """
Which name and which tags did a resource have before they changed? One row a change of either. What
no row covers is as cloud_resources has it today. For questions of a past day: join on the day.
"""
grain = ["event_id", "field"]
example = """
SELECT resource_id, value, since, until FROM marts.past_values
WHERE field = 'name' ORDER BY until DESC LIMIT 20
"""
[columns]
field = "name or tags."
value = "What it was, as JSON: a text, or a list of texts."
since = "Begin of the time in which it was so: the change before. -infinity for the first change that is known: billing reaches further back than our listings."
until = "When it changed, exclusive."
event_id = "The event that ended it: cloud_resource_events.id."
as_of = "When it changed."
complete = "Always true: a change that was seen is a fact."
*/
SELECT
    change.account,
    change.resource_id,
    change.field,
    change.value,
    -- A clock may go backwards; the number of the event does not.
    lag(change.until, 1, '-infinity') OVER (
        PARTITION BY change.resource_id, change.field ORDER BY change.event_id
    ) AS since,
    change.until,
    change.event_id,
    change.until AS as_of,
    true AS complete
FROM (
    SELECT
        r.account,
        e.resource_id,
        was.field,
        e.changes -> was.field -> 'from' AS value,
        max(e.occurred_at) OVER (
            PARTITION BY e.resource_id, was.field ORDER BY e.id
        ) AS until,
        e.id AS event_id
    FROM public.cloud_resource_events AS e
    JOIN public.cloud_resources AS r ON r.id = e.resource_id
    CROSS JOIN (VALUES ('name'), ('tags')) AS was (field)
    -- What was found with it was so before, too.
    WHERE e.event NOT IN ('discovered', 'drift_detected') AND e.changes ? was.field
) AS change
