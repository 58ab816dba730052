/*
comment = "Which droplets are switched off and still paid for? One row a live droplet with status off."
grain = ["resource_id"]
example = "SELECT name, off_since, monthly_amount FROM marts.idle_droplets ORDER BY monthly_amount DESC NULLS LAST"
[columns]
size_slug = "The plan it is billed by."
off_since = "The listing that first showed it off. Null when it was off before the first sync."
monthly_amount = "US dollars in the last closed month. Null where that month has no line of it."
*/
SELECT
    r.account, r.resource_id, r.kind, r.name, r.region, r.project_id, r.project_name,
    r.tenant_id, r.size_slug, turned.off_since, r.monthly_amount, r.currency, r.as_of, r.complete
FROM marts.resources AS r
LEFT JOIN LATERAL (
    SELECT CASE WHEN e.event <> 'discovered' THEN e.occurred_at END AS off_since
    FROM public.cloud_resource_events AS e
    WHERE e.resource_id = r.resource_id AND e.changes -> 'status' ->> 'to' = 'off'
    ORDER BY e.id DESC LIMIT 1
) AS turned ON true
WHERE r.kind = 'droplet' AND r.status = 'off'
