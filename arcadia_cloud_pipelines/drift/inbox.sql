-- The statements of inbox.py. A parameter that is null does not choose.

-- name: drift
SELECT d.id, d.resource_id, r.kind, r.provider_id, r.name, d.field, d.desired, d.actual,
    d.severity, d.status,
    d.detected_at, d.changed_at, d.resolved_at, d.resolved_by, d.resolution,
    n.provider_id AS successor, cloud_live_value(r, p, d.field) AS live
FROM cloud_drift AS d
JOIN cloud_resources AS r ON r.id = d.resource_id
LEFT JOIN cloud_projects AS p ON p.id = r.project_id
LEFT JOIN cloud_resources AS n ON n.id = d.successor_id
WHERE (CAST(:status AS text) IS NULL OR d.status = :status)
  AND (CAST(:kind AS text) IS NULL OR r.kind = :kind)
  AND (CAST(:severity AS text) IS NULL OR d.severity = :severity)
  AND (CAST(:id AS bigint) IS NULL OR d.id = :id)
ORDER BY d.detected_at, d.id
LIMIT :limit;

-- name: decisions
SELECT decision, actor, reason, decided_at, before, after, spec_version
FROM cloud_drift_decisions WHERE drift_id = :id ORDER BY id;

-- name: coverage
SELECT kind, CAST(sum(resources) AS bigint), CAST(sum(managed) AS bigint),
    round(sum(managed) / nullif(sum(resources - platform_owned), 0), 4)
FROM cloud_managed_coverage
GROUP BY kind
ORDER BY 4 NULLS LAST, 2 DESC, 1;

-- name: newest_sweep
SELECT started_at, kinds_swept, kinds_skipped FROM cloud_drift_sweeps ORDER BY id DESC LIMIT 1;
