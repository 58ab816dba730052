/*
comment = """
Which load balancers send traffic nowhere? One row a live balancer without a live target: no
droplet by id, none that carries its tag, no other balancer behind it.
"""
grain = ["resource_id"]
example = "SELECT name, region, target_tag, monthly_amount FROM marts.targetless_load_balancers"
[columns]
target_tag = "The tag whose droplets it targets. Null where it targets by id."
monthly_amount = "US dollars in the last closed month. Null where that month has no line of it."
complete = "True when balancers and droplets were both listed whole."
*/
SELECT
    r.account, r.resource_id, r.kind, r.name, r.region, r.project_id, r.project_name,
    r.tenant_id, nullif(stored.attrs ->> 'tag', '') AS target_tag, r.monthly_amount, r.currency,
    least(r.as_of, droplets.as_of) AS as_of,
    r.complete AND droplets.complete AS complete
FROM marts.resources AS r
JOIN public.cloud_resources AS stored ON stored.id = r.resource_id
JOIN marts.freshness AS droplets
    ON droplets.account = r.account AND droplets.source = 'droplet' AND droplets.as_of IS NOT NULL
WHERE r.kind = 'load_balancer'
  AND NOT EXISTS (
    SELECT FROM public.cloud_resources AS target
    WHERE target.account = r.account AND target.deleted_at IS NULL
      AND (
        (target.kind = 'droplet' AND stored.attrs -> 'droplet_ids' @> to_jsonb(
            CASE WHEN target.provider_id ~ '^[0-9]{1,18}$' THEN target.provider_id::bigint END))
        OR (target.kind = 'droplet' AND nullif(stored.attrs ->> 'tag', '') = ANY (target.tags))
        OR (target.kind = 'load_balancer'
            AND stored.attrs -> 'target_load_balancer_ids' ? target.provider_id)
      )
  )
