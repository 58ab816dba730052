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

-- name: not_ingested
SELECT invoice_uuid, period, ingest_status, coalesce(last_attempt_at, first_seen_at), last_error
FROM cloud_invoices
WHERE ingest_status <> 'ingested'
ORDER BY period, invoice_uuid;

-- name: newest_balance
SELECT max(captured_at) FROM cloud_balance_snapshots;
