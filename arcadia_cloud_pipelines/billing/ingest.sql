-- The statements of ingest.py.

-- name: select
SELECT id, account, invoice_uuid, invoice_id, period, amount
FROM cloud_invoices
WHERE account = :account
  AND CASE
    WHEN cardinality(CAST(:uuids AS text[])) = 0 THEN ingest_status = 'pending'
    ELSE invoice_uuid = ANY (CAST(:uuids AS text[]))
        OR invoice_id = ANY (CAST(:uuids AS text[]))
        OR to_char(period, 'YYYY-MM_') || coalesce(invoice_id, invoice_uuid)
            = ANY (CAST(:uuids AS text[]))
  END
ORDER BY period, invoice_uuid;

-- name: lock_invoice
SELECT lines_digest, ids_note, line_count IS NOT NULL AS has_lines, line_count, lines_total
FROM cloud_invoices WHERE id = :id FOR UPDATE;

-- name: keep_old_lines
-- For comparison; none when the file says the same (:same).
CREATE TEMP TABLE old_lines ON COMMIT DROP AS
SELECT
    product, group_description, description, hours, started_at, ended_at, amount, project_name,
    category
FROM cloud_cost_lines
WHERE invoice_id = :id AND NOT :same;

-- name: delete_lines
DELETE FROM cloud_cost_lines WHERE invoice_id = :id;

-- name: revise
-- Lines that differ, paired where product, group, text and start are the same: a line that changed.
-- No row when nothing differs.
WITH new_lines AS (
    SELECT
        product, group_description, description, hours, started_at, ended_at, amount, project_name,
        category
    FROM cloud_cost_lines
    WHERE invoice_id = :id AND NOT :same
), gone AS (
    SELECT
        line.*, key.key, row_number() OVER (PARTITION BY key.key ORDER BY line.amount) AS position
    FROM (SELECT * FROM old_lines EXCEPT ALL SELECT * FROM new_lines) AS line
    CROSS JOIN LATERAL (SELECT CAST(
        ROW(product, group_description, description, started_at) AS text
    ) AS key) AS key
), came AS (
    SELECT
        line.*, key.key, row_number() OVER (PARTITION BY key.key ORDER BY line.amount) AS position
    FROM (SELECT * FROM new_lines EXCEPT ALL SELECT * FROM old_lines) AS line
    CROSS JOIN LATERAL (SELECT CAST(
        ROW(product, group_description, description, started_at) AS text
    ) AS key) AS key
), differing AS (
    SELECT
        coalesce(came.product, gone.product) AS product,
        coalesce(came.group_description, gone.group_description) AS group_description,
        coalesce(came.description, gone.description) AS description,
        coalesce(came.started_at, gone.started_at) AS started_at,
        CASE WHEN gone.key = came.key THEN (
            SELECT coalesce(jsonb_object_agg(
                f.field, jsonb_build_object('from', f.was, 'to', f.now_is)
            ), '{}')
            FROM (VALUES
                ('hours', to_jsonb(CAST(gone.hours AS text)), to_jsonb(CAST(came.hours AS text))),
                ('ended_at', to_jsonb(gone.ended_at), to_jsonb(came.ended_at)),
                ('project_name', to_jsonb(gone.project_name), to_jsonb(came.project_name)),
                ('category', to_jsonb(gone.category), to_jsonb(came.category))
            ) AS f (field, was, now_is)
            WHERE f.was IS DISTINCT FROM f.now_is
        ) END AS fields,
        gone.amount AS was, came.amount AS now_is,
        row_number() OVER (
            ORDER BY abs(coalesce(came.amount, 0) - coalesce(gone.amount, 0)) DESC
        ) AS size
    FROM gone FULL JOIN came ON gone.key = came.key AND gone.position = came.position
), counted AS (
    SELECT
        count(*) FILTER (WHERE was IS NULL) AS added,
        count(*) FILTER (WHERE now_is IS NULL) AS removed,
        count(*) FILTER (WHERE was IS NOT NULL AND now_is IS NOT NULL) AS changed,
        coalesce(sum(now_is) FILTER (WHERE was IS NULL), 0) AS amount_added,
        coalesce(sum(was) FILTER (WHERE now_is IS NULL), 0) AS amount_removed,
        coalesce(sum(now_is - was), 0) AS amount_changed,
        coalesce(jsonb_agg(jsonb_build_object(
            'product', product, 'group_description', group_description,
            'description', description, 'from', was, 'to', now_is, 'started_at', started_at,
            'fields', fields
        ) ORDER BY size) FILTER (WHERE size <= 5000), '[]') AS details
    FROM differing
), revised AS (
    INSERT INTO cloud_invoice_revisions (
        account, invoice_id, noticed_at, old_amount, new_amount, old_digest, new_digest,
        lines_added, lines_removed, lines_changed, amount_added, amount_removed, amount_changed,
        details
    )
    SELECT
        i.account, i.id, :at, i.ingested_amount, i.amount, i.lines_digest, :digest,
        c.added, c.removed, c.changed, c.amount_added, c.amount_removed, c.amount_changed, c.details
    FROM cloud_invoices AS i CROSS JOIN counted AS c
    WHERE i.id = :id AND (c.added + c.removed + c.changed > 0 OR i.ingested_amount <> i.amount)
    RETURNING *
)
UPDATE cloud_invoices AS i
SET status_note = format(
    'Corrected, noticed %s: amount %s%s, %s lines added ($%s), %s removed ($%s), %s changed ($%s).',
    to_char(r.noticed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'),
    CASE WHEN r.old_amount <> r.new_amount THEN format('$%s, now ', r.old_amount) END,
    '$' || r.new_amount,
    r.lines_added, r.amount_added, r.lines_removed, r.amount_removed, r.lines_changed,
    r.amount_changed
)
FROM revised AS r
WHERE i.id = r.invoice_id;

-- name: mark_ingested
-- The note of a correction stays.
UPDATE cloud_invoices AS i
SET ingest_status = 'ingested', ingested_at = :at, last_attempt_at = :at, failed_attempts = 0,
    last_error = NULL, line_count = t.lines, lines_total = t.total, ingested_amount = i.amount,
    lines_digest = :digest, checked_at = :at, ids_note = CAST(:ids_note AS text),
    ids_attempts = CASE
        WHEN CAST(:ids_note AS text) IS NULL THEN 0
        WHEN i.lines_digest = :digest THEN i.ids_attempts + 1
        ELSE 1
    END,
    match_rules = coalesce(CAST(:rules AS integer), i.match_rules)
FROM (
    SELECT count(*) AS lines, coalesce(sum(amount), 0) AS total
    FROM cloud_cost_lines
    WHERE invoice_id = :id
) AS t
WHERE i.id = :id
RETURNING i.line_count, i.lines_total;

-- name: store_file
INSERT INTO cloud_invoice_files AS f (
    account, invoice_id, digest, first_read_at, last_read_at, line_count, lines_total, amount,
    csv_gzip
)
SELECT
    account, id, lines_digest, :at, :at, line_count, lines_total, amount, CAST(:csv AS bytea)
FROM cloud_invoices
WHERE id = :id
ON CONFLICT ON CONSTRAINT cloud_invoice_files_digest_key DO UPDATE
SET last_read_at = excluded.last_read_at, amount = excluded.amount,
    csv_gzip = CASE WHEN :whole THEN excluded.csv_gzip ELSE f.csv_gzip END;

-- name: mark_failed
UPDATE cloud_invoices
SET ingest_status = 'failed', last_error = :error, last_attempt_at = :at,
    failed_attempts = failed_attempts + 1
WHERE id = :id;
