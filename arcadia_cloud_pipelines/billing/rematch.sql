-- The statements of rematch.py.

-- name: lock_rematch
SELECT pg_advisory_xact_lock(hashtextextended('arcadia.rematch', 0));

-- name: with_lines
SELECT DISTINCT account FROM cloud_invoices WHERE ingested_at IS NOT NULL ORDER BY account;

-- name: stale_invoices
SELECT id FROM cloud_invoices
WHERE account = :account AND match_rules < :rules AND ingested_at IS NOT NULL
ORDER BY id;

-- name: unmatched
-- Of what is no resource, a line with an id or about Spaces may turn out to be about one.
SELECT
    id, line_number, product, group_description, description, CAST(hours AS text) AS hours,
    CAST(started_at AS text) AS started_at, CAST(ended_at AS text) AS ended_at,
    CAST(amount AS text) AS amount, project_name, category, resource_key, second_key,
    CAST(period AS text) AS period
FROM cloud_cost_lines
WHERE account = :account AND resource_id IS NULL
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
