/*
comment = """
What changed? One row a field and event, newest last. Replaying the rows of a resource in the order
of event_id gives its row of today.
"""
grain = ["event_id", "resource_id", "field"]
example = """
SELECT occurred_at, kind, name, event, field, was, "is" FROM marts.changes
WHERE occurred_at > now() - interval '7 days' AND event <> 'discovered'
ORDER BY occurred_at DESC LIMIT 50
"""
[columns]
event_id = "The event: id of cloud_resource_events, or of cloud_schema_events. Events apply in this order."
occurred_at = "Start of the listing that showed it. The change came between it and the listing before."
event = "discovered, updated, tagged, deleted or restored; schema_changed where the API began to tell a field of all resources of the kind."
field = "The field that changed. Null for an event without fields."
was = "The value before, as JSON. Null for none."
is = "The value after, as JSON. Null for none."
as_of = "The listing that showed it."
complete = "Always true: a change that was seen is a fact."
*/
SELECT
    r.account,
    e.id AS event_id,
    e.occurred_at,
    e.event,
    e.resource_id,
    r.kind,
    r.name,
    r.project_id,
    change.key AS field,
    nullif(change.value -> 'from', 'null') AS was,
    nullif(change.value -> 'to', 'null') AS "is",
    e.occurred_at AS as_of,
    true AS complete
FROM (
    SELECT id, occurred_at, event, resource_id, changes
    FROM public.cloud_resource_events
    WHERE event <> 'drift_detected'
    UNION ALL
    SELECT s.id, s.occurred_at, 'schema_changed', took.resource_id,
        jsonb_build_object(s.field, jsonb_build_object('from', NULL, 'to', took.value))
    FROM public.cloud_schema_events AS s
    JOIN public.cloud_schema_event_rows AS took ON took.schema_event_id = s.id
) AS e
JOIN public.cloud_resources AS r ON r.id = e.resource_id
LEFT JOIN LATERAL jsonb_each(e.changes) AS change ON true
