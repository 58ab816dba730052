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

-- name: unknown_products
SELECT product, count(*) AS lines, sum(amount) AS amount
FROM cloud_cost_lines
WHERE unmatched_reason = 'unknown_product'
GROUP BY product
ORDER BY abs(sum(amount)) DESC, product
LIMIT 200;

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

-- name: budgets
-- Of the open month alone: what a closed one came to cannot be helped.
SELECT account, name, scope, period, amount, used, expected, state
FROM marts.budgets
WHERE period = CAST(date_trunc('month', CAST(:now AS timestamptz) AT TIME ZONE 'UTC') AS date)
ORDER BY account, name;

-- name: anomalies
SELECT a.account, a.unit, a.period, a.scope, a.expected, a.amount, a.because
FROM marts.anomalies AS a
WHERE CASE a.unit
    WHEN 'day' THEN a.period >= CAST(CAST(:now AS timestamptz) AT TIME ZONE 'UTC' AS date) - 7
    ELSE EXISTS (
        SELECT FROM marts.billing_months AS m
        WHERE m.account = a.account AND m.period = a.period AND m.is_last_closed
    )
END
ORDER BY a.excess DESC
LIMIT 50;

-- name: prepayments
SELECT account, balance, blocked, days_left FROM marts.prepayment ORDER BY account;
