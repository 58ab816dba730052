-- The statements of report.py.

-- name: shares
SELECT coalesce(match_method, unmatched_reason) AS method, count(*), sum(amount)
FROM cloud_cost_lines
GROUP BY 1
ORDER BY sum(amount) DESC;

-- name: months_by_product
SELECT period, coalesce(product, 'unknown'), sum(amount)
FROM cloud_cost_lines
GROUP BY period, 2
ORDER BY period, 3 DESC;

-- name: largest_lines
SELECT
    i.period, l.product, concat_ws(' · ', l.group_description, l.description), l.amount,
    coalesce(l.match_method, l.unmatched_reason), r.kind || ' ' || r.provider_id
FROM cloud_cost_lines AS l
JOIN cloud_invoices AS i ON i.id = l.invoice_id
LEFT JOIN cloud_resources AS r ON r.id = l.resource_id
WHERE i.invoice_uuid = ANY (CAST(:uuids AS text[]))
ORDER BY l.amount DESC, l.id
LIMIT 10;

-- name: without_ids
SELECT period, invoice_uuid, ids_note, ids_attempts
FROM cloud_invoices
WHERE ingest_status = 'ingested' AND ids_note IS NOT NULL
ORDER BY period, invoice_uuid;

-- name: not_ingested
SELECT invoice_uuid, period, ingest_status, coalesce(last_attempt_at, first_seen_at), last_error
FROM cloud_invoices
WHERE ingest_status <> 'ingested'
ORDER BY period, invoice_uuid;

-- name: newest_balance
SELECT max(captured_at) FROM cloud_balance_snapshots;

-- name: matched_months
-- Credits and discounts are no usage: only what costs something counts, on either side.
WITH newest AS (
    SELECT DISTINCT period FROM cloud_cost_lines ORDER BY period DESC LIMIT :months
), first_syncs AS (
    -- Resources stay for ever, sync runs may be pruned.
    SELECT account, kind, min(at) AS at
    FROM (
        SELECT a.account, k.kind, first.ended_at AS at
        FROM (SELECT DISTINCT account FROM cloud_invoices) AS a
        CROSS JOIN marts.kinds AS k
        CROSS JOIN LATERAL (
            SELECT s.ended_at FROM cloud_sync_runs AS s
            WHERE s.account = a.account AND s.kind = k.kind AND s.complete
            ORDER BY s.started_at LIMIT 1
        ) AS first
        UNION ALL
        SELECT account, kind, min(first_seen_at) FROM cloud_resources GROUP BY account, kind
    ) AS seen
    GROUP BY account, kind
), lines AS (
    SELECT
        l.period, l.amount,
        CASE
            WHEN l.resource_id IS NOT NULL THEN 'matched'
            WHEN l.unmatched_reason = 'never_seen'
                AND coalesce(l.ended_at, (l.period + interval '1 month') AT TIME ZONE 'UTC') <= f.at
            THEN 'too_early'
            ELSE 'missing'
        END AS state
    FROM cloud_cost_lines AS l
    LEFT JOIN first_syncs AS f ON f.account = l.account AND f.kind = l.kind
    WHERE l.period IN (SELECT period FROM newest)
      AND l.amount > 0
      AND l.unmatched_reason IS DISTINCT FROM 'not_a_resource'
)
SELECT
    period,
    coalesce(sum(amount) FILTER (WHERE state = 'matched'), 0) AS matched,
    coalesce(sum(amount) FILTER (WHERE state = 'missing'), 0) AS missing,
    coalesce(sum(amount) FILTER (WHERE state = 'too_early'), 0) AS too_early
FROM lines
GROUP BY period
ORDER BY period DESC;

-- name: unknown_products
SELECT coalesce(product, ''), count(*), sum(amount), min(period), max(period)
FROM cloud_cost_lines
WHERE unmatched_reason = 'unknown_product'
GROUP BY 1
ORDER BY 3 DESC, 1;

-- name: conflicting_ids
SELECT
    l.period, i.invoice_uuid, l.line_number, l.product, l.resource_key, l.second_key,
    r.kind || ' ' || r.provider_id, o.kind || ' ' || o.provider_id
FROM cloud_cost_lines AS l
JOIN cloud_invoices AS i ON i.id = l.invoice_id
JOIN cloud_resources AS r ON r.id = l.resource_id
JOIN cloud_resources AS o ON o.id = l.conflicting_resource_id
WHERE l.conflicting_resource_id IS NOT NULL
ORDER BY l.period DESC, i.invoice_uuid, l.line_number;
