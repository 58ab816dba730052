/*
comment = "Which reserved addresses does no droplet use? One row a live reserved IPv4 or IPv6 address."
grain = ["resource_id"]
example = "SELECT name, region, unassigned_since, monthly_amount FROM marts.unassigned_ips"
[columns]
unassigned_since = "The listing that first showed it without a droplet. Null when it was so before the first sync."
monthly_amount = "US dollars in the last closed month. Null where that month has no line of it; IPv6 addresses are free."
complete = "True when addresses and droplets were both listed whole."
*/
SELECT
    r.account, r.resource_id, r.kind, r.name, r.region, r.project_id, r.project_name,
    r.tenant_id, turned.unassigned_since, r.monthly_amount, r.currency,
    least(r.as_of, droplets.as_of) AS as_of,
    r.complete AND droplets.complete AS complete
FROM marts.resources AS r
JOIN public.cloud_resources AS stored ON stored.id = r.resource_id
JOIN marts.freshness AS droplets
    ON droplets.account = r.account AND droplets.source = 'droplet' AND droplets.as_of IS NOT NULL
LEFT JOIN LATERAL (
    SELECT CASE WHEN e.event <> 'discovered' THEN e.occurred_at END AS unassigned_since
    FROM public.cloud_resource_events AS e
    WHERE e.resource_id = r.resource_id AND e.changes ? 'droplet'
    ORDER BY e.id DESC LIMIT 1
) AS turned ON true
WHERE r.kind IN ('reserved_ip', 'reserved_ipv6') AND stored.attrs #>> '{droplet,id}' IS NULL
