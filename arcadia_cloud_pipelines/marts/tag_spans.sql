/*
comment = """
Which tags had a resource, from when to when? One row a resource and set of tags. What the first
event says was so before it too, for bills reach further back than we do.
"""
grain = ["resource_id", "valid_from"]
example = """
SELECT resource_id, tags, valid_from, valid_to FROM marts.tag_spans
WHERE valid_to IS NOT NULL ORDER BY valid_to DESC LIMIT 20
"""
[columns]
tags = "List of its tags. Null for a kind that carries none."
valid_from = "Begin of the stay. Null for the first one: from the beginning."
valid_to = "End of the stay, exclusive. Null while it lasts."
as_of = "When the newest listing of the resource was."
complete = "Always true: what was seen is a fact."
*/
SELECT
    r.account,
    span.resource_id,
    span.tags,
    nullif(span.since, '-infinity') AS valid_from,
    nullif(span.until, 'infinity') AS valid_to,
    r.last_seen_at AS as_of,
    true AS complete
FROM (
    SELECT
        t.resource_id, t.tags, t.since,
        lead(t.since, 1, 'infinity') OVER (PARTITION BY t.resource_id ORDER BY t.since, t.id)
            AS until
    FROM (
        SELECT
            e.resource_id, e.id,
            CASE WHEN e.id = min(e.id) OVER (PARTITION BY e.resource_id) THEN '-infinity'
                ELSE max(e.occurred_at) OVER (PARTITION BY e.resource_id ORDER BY e.id)
            END AS since,
            e.changes -> 'tags' -> 'to' AS tags
        FROM public.cloud_resource_events AS e
        WHERE e.changes ? 'tags' AND e.event <> 'drift_detected'
    ) AS t
) AS span
JOIN public.cloud_resources AS r ON r.id = span.resource_id
-- Of several events at one instant the last one counts.
WHERE span.since < span.until
