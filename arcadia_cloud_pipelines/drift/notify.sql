-- The statements of notify.py.

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('arcadia.drift/notify', 0));

-- name: unnotified
SELECT d.id, d.resource_id, r.kind, r.provider_id, r.name, d.field, d.desired, d.actual, d.status,
    d.detected_at, d.changed_at, d.resolved_at, d.resolved_by, d.resolution,
    n.provider_id AS successor, NULL AS live
FROM cloud_drift AS d
JOIN cloud_resources AS r ON r.id = d.resource_id
LEFT JOIN cloud_resources AS n ON n.id = d.successor_id
WHERE d.status = 'open' AND d.notified_at IS NULL
ORDER BY d.id;

-- name: any_unnotified
SELECT EXISTS (SELECT FROM cloud_drift WHERE status = 'open' AND notified_at IS NULL);

-- name: told
UPDATE cloud_drift SET notified_at = :at WHERE id = ANY (CAST(:ids AS bigint[]));
