/*
comment = """
What came and went, and was any departure false? One row an event: discovered, restored or deleted.
"""
grain = ["event_id"]
example = """
SELECT occurred_at, event, kind, name, listings, came_back_at FROM marts.arrivals_and_departures
WHERE occurred_at > now() - interval '30 days' ORDER BY occurred_at DESC LIMIT 50
"""
[columns]
event_id = "The event: cloud_resource_events.id."
occurred_at = "Start of the listing that showed it, or that lacked it for the third time."
event = "discovered, restored or deleted."
listings = "Of a deletion: the complete listings behind it that lacked it, newest first: cloud_sync_runs.id."
listed_at = "Of a deletion: when those listings began."
came_back_at = "Of a deletion: when it was seen again. A deletion with a date here was false."
as_of = "The listing that showed it."
complete = "Always true: only complete listings delete."
*/
SELECT
    e.account,
    e.id AS event_id,
    e.occurred_at,
    e.event,
    e.resource_id,
    r.kind,
    r.name,
    r.project_id,
    behind.listings,
    behind.listed_at,
    back.occurred_at AS came_back_at,
    e.occurred_at AS as_of,
    true AS complete
FROM public.cloud_resource_events AS e
JOIN public.cloud_resources AS r ON r.id = e.resource_id
LEFT JOIN LATERAL (
    SELECT
        array_agg(s.id ORDER BY s.started_at DESC) AS listings,
        array_agg(s.started_at ORDER BY s.started_at DESC) AS listed_at
    FROM (
        SELECT s.id, s.started_at FROM public.cloud_sync_runs AS s
        WHERE s.kind = r.kind AND s.account = e.account AND s.complete AND s.struck > 0
          AND s.started_at <= e.occurred_at
        ORDER BY s.started_at DESC LIMIT 3
    ) AS s
) AS behind ON e.event = 'deleted'
LEFT JOIN LATERAL (
    SELECT later.occurred_at FROM public.cloud_resource_events AS later
    WHERE later.resource_id = e.resource_id AND later.event = 'restored' AND later.id > e.id
    ORDER BY later.id LIMIT 1
) AS back ON e.event = 'deleted'
WHERE e.event IN ('discovered', 'restored', 'deleted')
