-- The statements of ingest.py.

-- name: resources
-- Snapshots and images have no column for their regions: the API lists several.
SELECT
    id, kind, provider_id, name,
    coalesce(
        region,
        CASE
            WHEN jsonb_typeof(attrs -> 'regions') = 'array'
            THEN (SELECT string_agg(r, ' ') FROM jsonb_array_elements_text(attrs -> 'regions') AS r)
        END
    ) AS region,
    created_at, first_seen_at, last_seen_at, deleted_at
FROM cloud_resources;

-- name: synced_kinds
SELECT DISTINCT kind FROM cloud_sync_runs WHERE complete;

-- name: select
SELECT id, account, invoice_uuid, invoice_id, period, amount
FROM cloud_invoices
WHERE account = :account
  AND CASE
    WHEN cardinality(CAST(:uuids AS text[])) = 0 THEN ingest_status = 'pending'
    ELSE invoice_uuid = ANY (CAST(:uuids AS text[]))
  END
ORDER BY period, invoice_uuid;

-- name: due
-- Only of the account that the token belongs to now: another's cannot be fetched.
SELECT invoice_uuid
FROM cloud_invoices
WHERE account = coalesce(
        (SELECT account FROM cloud_balance_snapshots ORDER BY id DESC LIMIT 1), account
    )
  AND (
    ingest_status = 'pending'
    OR ingest_status = 'failed' AND failed_attempts < :most
        AND last_attempt_at <= CAST(:at AS timestamptz) - make_interval(hours => :hours)
  )
ORDER BY period, invoice_uuid;

-- name: lock_invoice
SELECT id FROM cloud_invoices WHERE id = :id FOR UPDATE;

-- name: delete_lines
DELETE FROM cloud_cost_lines WHERE invoice_id = :id;

-- name: mark_ingested
UPDATE cloud_invoices AS i
SET ingest_status = 'ingested', ingested_at = :at, last_attempt_at = :at, failed_attempts = 0,
    last_error = NULL, status_note = NULL, line_count = t.lines, lines_total = t.total,
    match_rules = :rules
FROM (
    SELECT count(*) AS lines, coalesce(sum(amount), 0) AS total
    FROM cloud_cost_lines
    WHERE invoice_id = :id
) AS t
WHERE i.id = :id
RETURNING i.line_count, i.lines_total;

-- name: mark_failed
UPDATE cloud_invoices
SET ingest_status = 'failed', last_error = :error, last_attempt_at = :at,
    failed_attempts = failed_attempts + 1
WHERE id = :id;

-- name: lock_rematch
SELECT pg_advisory_xact_lock(hashtextextended('arcadia.rematch', 0));

-- name: stale_invoices
SELECT id FROM cloud_invoices
WHERE match_rules < :rules AND ingested_at IS NOT NULL
ORDER BY id;

-- name: unmatched
-- Of what is no resource, a line with an id or about Spaces may turn out to be about one.
SELECT
    id, line_number, product, group_description, description, CAST(hours AS text) AS hours,
    CAST(started_at AS text) AS started_at, CAST(ended_at AS text) AS ended_at,
    CAST(amount AS text) AS amount, project_name, category, resource_key, second_key,
    CAST(period AS text) AS period
FROM cloud_cost_lines
WHERE resource_id IS NULL
  AND (unmatched_reason <> 'not_a_resource' OR resource_key IS NOT NULL OR product ILIKE '%space%');

-- name: stale
SELECT
    id, line_number, product, group_description, description, CAST(hours AS text) AS hours,
    CAST(started_at AS text) AS started_at, CAST(ended_at AS text) AS ended_at,
    CAST(amount AS text) AS amount, project_name, category, resource_key, second_key,
    CAST(period AS text) AS period
FROM cloud_cost_lines
WHERE invoice_id = ANY (CAST(:invoices AS bigint[]));

-- name: mark_rematched
UPDATE cloud_invoices SET match_rules = :rules
WHERE id = ANY (CAST(:invoices AS bigint[]));

-- name: create_rematched
CREATE TEMP TABLE rematched (
    id bigint NOT NULL,
    kind text,
    resource_name text,
    region text,
    resource_id bigint,
    match_method text,
    unmatched_reason text,
    match_candidates integer NOT NULL,
    conflicting_resource_id bigint
) ON COMMIT DROP;

-- name: store_rematched
WITH stored AS (
    UPDATE cloud_cost_lines AS l
    SET kind = r.kind, resource_name = r.resource_name, region = r.region,
        resource_id = r.resource_id, match_method = r.match_method,
        unmatched_reason = r.unmatched_reason, match_candidates = r.match_candidates,
        conflicting_resource_id = r.conflicting_resource_id
    FROM rematched AS r
    WHERE l.id = r.id
      AND (l.kind, l.resource_name, l.region, l.resource_id, l.match_method, l.unmatched_reason,
           l.match_candidates, l.conflicting_resource_id)
        IS DISTINCT FROM (r.kind, r.resource_name, r.region, r.resource_id, r.match_method,
           r.unmatched_reason, r.match_candidates, r.conflicting_resource_id)
    RETURNING l.resource_id
)
SELECT count(resource_id) FROM stored;

-- name: grown
SELECT max(id) FROM cloud_resources
WHERE id > :newest
  AND EXISTS (SELECT FROM cloud_cost_lines WHERE unmatched_reason <> 'not_a_resource')
   OR EXISTS (SELECT FROM cloud_invoices WHERE match_rules < :rules AND ingested_at IS NOT NULL);
