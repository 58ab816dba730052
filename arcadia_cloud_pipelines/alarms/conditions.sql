-- The statements of conditions.py.

-- name: sources
-- Of the sources that are no kind. Invoices and the preview are looked for as assets: an account
-- may have none to read. Of each of the :accounts where there are several, else of all together.
SELECT source, max(as_of) AS as_of, max(late_after) AS late_after,
    CASE WHEN cardinality(CAST(:accounts AS text[])) > 1 THEN account END AS account
FROM marts.freshness
WHERE source IN ('balance', 'daily_costs', 'drift', 'forecast', 'prepayment', 'terraform_specs')
  AND as_of IS NOT NULL
  AND (cardinality(CAST(:accounts AS text[])) < 2 OR account = ANY (CAST(:accounts AS text[])))
GROUP BY source, 4
ORDER BY source, 4;

-- name: open_drift
SELECT d.id, r.account, r.kind, r.provider_id, r.name, d.field, d.desired, d.actual,
    d.severity, n.provider_id AS successor
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
