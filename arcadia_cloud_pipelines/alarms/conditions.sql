-- The statements of conditions.py.

-- name: newest_of_sources
SELECT 'balance_snapshots' AS source, max(captured_at) AS at FROM cloud_balance_snapshots
UNION ALL
SELECT 'drift_records', max(started_at) FROM cloud_drift_sweeps;

-- name: unknown_products
SELECT product, count(*) AS lines, sum(amount) AS amount
FROM cloud_cost_lines
WHERE unmatched_reason = 'unknown_product'
GROUP BY product
ORDER BY abs(sum(amount)) DESC, product
LIMIT 200;

-- name: open_drift
SELECT d.id, r.account, r.kind, r.provider_id, r.name, d.field, d.desired, d.actual,
    n.provider_id AS successor
FROM cloud_drift AS d
JOIN cloud_resources AS r ON r.id = d.resource_id
LEFT JOIN cloud_resources AS n ON n.id = d.successor_id
WHERE d.status = 'open'
ORDER BY d.id;

-- name: drift_endings
SELECT a.key, d.status, d.resolved_by
FROM cloud_alarms AS a
JOIN cloud_drift AS d ON a.key = 'drift/' || d.id
WHERE a.kind = 'drift' AND a.closed_at IS NULL AND d.status <> 'open';

-- name: api_changes
SELECT id, account, kind, field, occurred_at, rows, example_type
FROM cloud_schema_events
WHERE occurred_at > :since
ORDER BY id;
