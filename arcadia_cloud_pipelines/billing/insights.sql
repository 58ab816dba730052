-- The statements of insights.py. Parameters: :account, :read_at, and :begin and :end, the days read.

-- name: known_days
SELECT day FROM cloud_cost_days WHERE account = :account;

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('arcadia.daily_costs/' || :account, 0));

-- name: create_listed
CREATE TEMP TABLE listed_costs ON COMMIT DROP AS
SELECT
    day, sku, product, kind, region, description, group_description, resource_name, amount,
    resource_id, match_method, unmatched_reason, match_candidates
FROM cloud_daily_costs WITH NO DATA;

-- name: create_compared
-- A day is compared as a whole: its rows have no identity.
CREATE TEMP TABLE compared_days ON COMMIT DROP AS
WITH said AS (
    SELECT
        day, is_new, count(*) AS rows, sum(amount) AS amount,
        md5(string_agg(told, E'\n' ORDER BY told)) AS told,
        md5(string_agg(told || matched, E'\n' ORDER BY told || matched)) AS whole
    FROM (
        SELECT
            l.day, l.is_new, l.amount,
            ROW (l.sku, l.region, l.description, l.group_description, trim_scale(l.amount))::text
                AS told,
            ROW (l.product, l.kind, l.resource_name, l.resource_id, l.match_method,
                l.unmatched_reason, l.match_candidates)::text AS matched
        FROM (
            SELECT true AS is_new, n.* FROM listed_costs AS n
            UNION ALL
            SELECT
                false, c.day, c.sku, c.product, c.kind, c.region, c.description,
                c.group_description, c.resource_name, c.amount, c.resource_id, c.match_method,
                c.unmatched_reason, c.match_candidates
            FROM cloud_daily_costs AS c
            WHERE c.account = :account AND c.day BETWEEN :begin AND :end
        ) AS l
    ) AS line
    GROUP BY day, is_new
)
SELECT
    n.day, n.rows, n.amount,
    n.whole IS DISTINCT FROM o.whole AS is_changed,
    o.told IS NOT NULL AND n.told <> o.told AS is_revised
FROM said AS n
LEFT JOIN said AS o ON o.day = n.day AND NOT o.is_new
WHERE n.is_new;

-- name: delete_changed
DELETE FROM cloud_daily_costs AS c
USING compared_days AS d
WHERE c.account = :account AND c.day = d.day AND d.is_changed;

-- name: insert_changed
INSERT INTO cloud_daily_costs (
    account, day, sku, product, kind, region, description, group_description, resource_name,
    amount, resource_id, match_method, unmatched_reason, match_candidates
)
SELECT
    :account, l.day, l.sku, l.product, l.kind, l.region, l.description, l.group_description,
    l.resource_name, l.amount, l.resource_id, l.match_method, l.unmatched_reason,
    l.match_candidates
FROM listed_costs AS l JOIN compared_days AS d ON d.day = l.day AND d.is_changed;

-- name: mark_days
-- A day that the answer does not mention keeps what it had.
INSERT INTO cloud_cost_days AS known (
    account, day, row_count, amount, first_seen_at, last_read_at
)
SELECT :account, day::date, 0, 0, :read_at, :read_at
FROM generate_series(CAST(:begin AS timestamp), CAST(:end AS timestamp), interval '1 day') AS day
ON CONFLICT (account, day) DO NOTHING;

-- name: update_days
UPDATE cloud_cost_days AS k
SET last_read_at = greatest(k.last_read_at, CAST(:read_at AS timestamptz)),
    row_count = d.rows,
    amount = d.amount,
    amount_before = CASE WHEN d.is_revised THEN k.amount ELSE k.amount_before END,
    revised_at = CASE WHEN d.is_revised THEN :read_at ELSE k.revised_at END,
    revisions = k.revisions + CAST(d.is_revised AS integer)
FROM compared_days AS d
WHERE k.account = :account AND k.day = d.day;

-- name: count
SELECT count(*) FILTER (WHERE is_changed), count(*) FILTER (WHERE is_revised) FROM compared_days;

-- name: missing_days
-- Days between the first and the last with costs, of which nothing was said.
SELECT d.day FROM cloud_cost_days AS d
WHERE d.row_count = 0 AND d.day BETWEEN
    (SELECT min(c.day) FROM cloud_cost_days AS c WHERE c.account = d.account AND c.row_count > 0)
    AND (SELECT max(c.day) FROM cloud_cost_days AS c WHERE c.account = d.account)
ORDER BY d.day;

-- name: months
SELECT period, days_amount, invoiced, difference
FROM marts.daily_cost_months ORDER BY period DESC LIMIT 24;
