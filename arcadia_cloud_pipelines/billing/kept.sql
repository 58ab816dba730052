-- The statements of kept.py, in the order in which it runs them.

-- name: lock
-- Waits for those who change lines now, and they for us: the trigger takes the same lock, shared.
-- Else a month could be kept without the lines that another transaction is about to commit.
SELECT pg_advisory_xact_lock(hashtextextended('arcadia.kept_months', 0));

-- name: create_digests
-- What cost_months has of a resource. Times as numbers: their text depends on the session.
CREATE TEMP TABLE fresh_digests ON COMMIT DROP AS
SELECT
    r.id AS resource_id,
    hashtextextended(CAST(ROW(r.kind, r.region, r.size_slug, stay.stays) AS text), 0) AS digest
FROM cloud_resources AS r
LEFT JOIN (
    SELECT s.resource_id, string_agg(
        concat_ws(
            ' ', s.project_id, extract(epoch FROM s.valid_from), extract(epoch FROM s.valid_to)
        ), ',' ORDER BY s.valid_from
    ) AS stays
    FROM marts.project_spans AS s
    GROUP BY s.resource_id
) AS stay ON stay.resource_id = r.id;

-- name: take_out_changed
DELETE FROM cloud_kept_months AS m
USING (
    SELECT DISTINCT l.account, l.period
    FROM fresh_digests AS f
    LEFT JOIN cloud_kept_resources AS k ON k.resource_id = f.resource_id
    JOIN cloud_cost_lines AS l ON l.resource_id = f.resource_id
    WHERE k.digest IS DISTINCT FROM f.digest AND EXISTS (SELECT FROM cloud_kept_months)
) AS changed
WHERE (m.account, m.period) = (changed.account, changed.period);

-- name: store_digests
INSERT INTO cloud_kept_resources AS k (resource_id, digest)
SELECT f.resource_id, f.digest FROM fresh_digests AS f
LEFT JOIN cloud_kept_resources AS known ON known.resource_id = f.resource_id
WHERE known.digest IS DISTINCT FROM f.digest
ON CONFLICT (resource_id) DO UPDATE SET digest = excluded.digest;

-- name: create_due
CREATE TEMP TABLE due_months ON COMMIT DROP AS
SELECT DISTINCT i.account, i.period
FROM cloud_invoices AS i
LEFT JOIN cloud_kept_months AS m ON (m.account, m.period) = (i.account, i.period)
WHERE m.id IS NULL;

-- name: create_costs
-- From the views, which make these months from their lines as long as they are not kept.
CREATE TEMP TABLE fresh_costs ON COMMIT DROP AS
SELECT
    c.account, c.period, c.class,
    CASE WHEN c.project_source = 'membership' THEN c.project_id END AS project_id,
    c.invoice_project_name, c.kind, c.product, c.region, c.size_slug, c.lines, c.hours, c.amount
FROM due_months AS d
JOIN marts.cost_months AS c ON (c.account, c.period) = (d.account, d.period)
WHERE c.entry = 'line';

-- name: create_rates
CREATE TEMP TABLE fresh_rates ON COMMIT DROP AS
SELECT r.account, r.period, r.size_slug, r.hourly
FROM due_months AS d
JOIN marts.billed_rates AS r ON (r.account, r.period) = (d.account, d.period);

-- name: store_months
INSERT INTO cloud_kept_months (account, period, kept_at)
SELECT account, period, :at FROM due_months ORDER BY account, period;

-- name: store_costs
INSERT INTO cloud_month_costs (
    account, period, class, project_id, invoice_project_name, kind, product, region, size_slug,
    lines, hours, amount
)
SELECT
    account, period, class, project_id, invoice_project_name, kind, product, region, size_slug,
    lines, hours, amount
FROM fresh_costs
ORDER BY account, period, amount DESC;

-- name: store_rates
INSERT INTO cloud_billed_rates (account, period, size_slug, hourly)
SELECT account, period, size_slug, hourly FROM fresh_rates ORDER BY account, period, size_slug;

-- name: drop
DROP TABLE fresh_digests, due_months, fresh_costs, fresh_rates;

-- name: count_kept
SELECT (SELECT count(*) FROM cloud_month_costs), (SELECT count(*) FROM cloud_kept_months);
