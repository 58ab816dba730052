-- The statements of rebuild.py.

-- name: select_originals
SELECT i.id, i.account, i.invoice_uuid, i.invoice_id, i.period, i.amount, i.ingest_status,
    i.lines_digest, f.csv_gzip
FROM cloud_invoices AS i
LEFT JOIN cloud_invoice_files AS f ON f.invoice_id = i.id AND f.digest = i.lines_digest
WHERE i.lines_digest IS NOT NULL
  AND (CAST(:period AS date) IS NULL OR i.period = :period)
  AND (
    cardinality(CAST(:names AS text[])) = 0
    OR i.invoice_uuid = ANY (CAST(:names AS text[]))
    OR i.invoice_id = ANY (CAST(:names AS text[]))
  )
ORDER BY i.period, i.invoice_uuid;

-- name: current_keys
-- Of originals that were kept before ids were kept with them.
SELECT product, group_description, description, CAST(hours AS text) AS hours,
    CAST(started_at AS text) AS started_at, CAST(ended_at AS text) AS ended_at,
    CAST(amount AS text) AS amount, project_name, category,
    resource_key AS resource_uuid, second_key AS resource_id
FROM cloud_cost_lines
WHERE invoice_id = :id
ORDER BY line_number;

-- name: keep_ids
UPDATE cloud_invoice_files SET csv_gzip = CAST(:csv AS bytea)
WHERE invoice_id = :id AND digest = :digest AND csv_gzip <> CAST(:csv AS bytea);

-- name: mark_rebuilt
-- When the invoice was read and compared stays: nothing was asked for.
UPDATE cloud_invoices AS i
SET line_count = t.lines, lines_total = t.total, match_rules = :rules
FROM (
    SELECT count(*) AS lines, coalesce(sum(amount), 0) AS total
    FROM cloud_cost_lines WHERE invoice_id = :id
) AS t
WHERE i.id = :id
RETURNING i.line_count, i.lines_total;
