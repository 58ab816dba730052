/*
comment = "Which volumes does no droplet use? One row a live volume that is attached to nothing."
grain = ["resource_id"]
example = "SELECT name, region, detached_since, monthly_amount FROM marts.unattached_volumes ORDER BY monthly_amount DESC NULLS LAST"
[columns]
detached_since = "The listing that first showed it detached. Null when it was so before the first sync."
monthly_amount = "US dollars in the last closed month. Null where that month has no line of it."
complete = "True when volumes and droplets were both listed whole."
*/
SELECT
    r.account, r.resource_id, r.kind, r.name, r.region, r.project_id, r.project_name,
    r.tenant_id, turned.detached_since, r.monthly_amount, r.currency,
    least(r.as_of, droplets.as_of) AS as_of,
    r.complete AND droplets.complete AS complete
FROM marts.resources AS r
JOIN public.cloud_resources AS stored ON stored.id = r.resource_id
-- A token that may not see droplets sees every volume without one.
JOIN marts.freshness AS droplets
    ON droplets.account = r.account AND droplets.source = 'droplet' AND droplets.as_of IS NOT NULL
LEFT JOIN LATERAL (
    SELECT CASE WHEN e.event <> 'discovered' THEN e.occurred_at END AS detached_since
    FROM public.cloud_resource_events AS e
    WHERE e.resource_id = r.resource_id AND e.changes ? 'droplet_ids'
    ORDER BY e.id DESC LIMIT 1
) AS turned ON true
WHERE r.kind = 'volume'
  AND coalesce(jsonb_array_length(
    CASE jsonb_typeof(stored.attrs -> 'droplet_ids') WHEN 'array'
        THEN stored.attrs -> 'droplet_ids' END
  ), 0) = 0
