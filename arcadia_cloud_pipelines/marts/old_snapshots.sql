/*
comment = """
Which snapshots are old, or of something that is gone? One row a live snapshot that is older than 90
days or whose source is deleted.
"""
grain = ["resource_id"]
example = "SELECT name, reason, created_at, monthly_amount FROM marts.old_snapshots ORDER BY monthly_amount DESC NULLS LAST"
[columns]
reason = "source_gone, or older_than_90_days."
created_at = "When the snapshot was made."
since = "When its source was deleted, else when it became 90 days old."
monthly_amount = "US dollars in the last closed month. Null where that month has no line of it."
*/
SELECT
    r.account, r.resource_id, r.kind, r.name, r.region, r.project_id, r.project_name,
    r.tenant_id, r.created_at,
    CASE WHEN source.id IS NOT NULL THEN 'source_gone' ELSE 'older_than_90_days' END AS reason,
    coalesce(source.deleted_at, r.created_at + interval '90 days') AS since,
    r.monthly_amount, r.currency, r.as_of, r.complete
FROM marts.resources AS r
JOIN public.cloud_resources AS stored ON stored.id = r.resource_id
LEFT JOIN public.cloud_resources AS source
    ON source.provider = stored.provider AND source.account = stored.account
    AND source.deleted_at IS NOT NULL
    AND source.kind = CASE r.kind WHEN 'droplet_snapshot' THEN 'droplet' ELSE 'volume' END
    AND source.provider_id = stored.attrs ->> 'resource_id'
WHERE r.kind IN ('droplet_snapshot', 'volume_snapshot')
  AND (source.id IS NOT NULL OR r.created_at < now() - interval '90 days')
