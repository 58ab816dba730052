-- The statements of dividing.py, in the order in which it runs them.

-- name: create_rules
CREATE TEMP TABLE rule (
    number integer PRIMARY KEY, name text NOT NULL, way text NOT NULL, step integer NOT NULL,
    tenant_id text, reason text, among boolean NOT NULL
) ON COMMIT DROP;
CREATE TEMP TABLE rule_share (
    number integer NOT NULL, tenant_id text NOT NULL, weight numeric NOT NULL
) ON COMMIT DROP;
CREATE TEMP TABLE rule_of (number integer NOT NULL, of integer NOT NULL) ON COMMIT DROP;
CREATE TEMP TABLE part (
    entry bigint NOT NULL, tenant_id text, reason text, weight numeric NOT NULL
) ON COMMIT DROP;
CREATE TEMP TABLE allocation (
    entry bigint NOT NULL, part integer NOT NULL, tenant_id text, reason text,
    share numeric NOT NULL, amount numeric NOT NULL
) ON COMMIT DROP;

-- name: allocate_whole
-- What is not divided: most lines.
INSERT INTO allocation (entry, part, tenant_id, reason, share, amount)
SELECT
    e.id,
    1,
    CASE r.way WHEN 'project' THEN e.tenant_id ELSE r.tenant_id END,
    CASE
        WHEN r.way <> 'unallocated' THEN NULL
        WHEN r.reason IS NOT NULL THEN r.reason
        WHEN e.charge = 'not_read' THEN 'not_read'
        WHEN e.project_id IS NOT NULL THEN 'project_without_tenant'
        WHEN e.project_name IS NOT NULL THEN 'unknown_project'
        ELSE 'no_project'
    END,
    1,
    e.amount
FROM entry AS e
JOIN rule AS r ON r.number = e.rule AND r.way IN ('tenant', 'project', 'unallocated');

-- name: weigh_shares
INSERT INTO part (entry, tenant_id, reason, weight)
SELECT e.id, s.tenant_id, NULL, s.weight
FROM entry AS e
JOIN rule_share AS s ON s.number = e.rule
JOIN rule AS r ON r.number = e.rule AND r.way = 'shares';

-- name: weigh_spend
-- As the tenants spent in the month by the rules named. Where nobody did, nobody pays.
WITH spent AS (
    SELECT o.number, e.account, e.period, a.tenant_id, sum(a.amount) AS amount
    FROM rule AS r
    JOIN rule_of AS o ON o.number = r.number
    JOIN entry AS e ON e.rule = o.of AND e.charge = 'usage'
    JOIN allocation AS a ON a.entry = e.id AND a.tenant_id IS NOT NULL
    WHERE r.step = :step AND r.way = 'spend' AND (NOT r.among OR EXISTS (
        SELECT FROM rule_share AS s WHERE s.number = r.number AND s.tenant_id = a.tenant_id
    ))
    GROUP BY o.number, e.account, e.period, a.tenant_id
    HAVING sum(a.amount) > 0
)
INSERT INTO part (entry, tenant_id, reason, weight)
SELECT e.id, s.tenant_id, CASE WHEN s.tenant_id IS NULL THEN 'no_spend' END, coalesce(s.amount, 1)
FROM entry AS e
JOIN rule AS r ON r.number = e.rule AND r.way = 'spend' AND r.step = :step
LEFT JOIN spent AS s
    ON s.number = e.rule AND s.account = e.account AND s.period = e.period;

-- name: weigh_followers
-- As the spend of the same invoice was allocated, what nobody pays of it too; without any spend on
-- it as that of the month; without that, nobody pays.
WITH spent AS (
    SELECT e.account, e.period, e.invoice_id, a.tenant_id, a.reason, sum(a.amount) AS amount
    FROM entry AS e
    JOIN allocation AS a ON a.entry = e.id
    WHERE e.charge = 'usage'
    GROUP BY e.account, e.period, e.invoice_id, a.tenant_id, a.reason
), of_month AS (
    SELECT account, period, tenant_id, reason, sum(amount) AS amount
    FROM spent GROUP BY account, period, tenant_id, reason HAVING sum(amount) > 0
), follower AS (
    SELECT
        e.id, e.account, e.period, e.invoice_id,
        EXISTS (
            SELECT FROM spent AS s WHERE s.invoice_id = e.invoice_id AND s.amount > 0
        ) AS of_invoice
    FROM entry AS e JOIN rule AS r ON r.number = e.rule AND r.way = 'follow'
)
INSERT INTO part (entry, tenant_id, reason, weight)
SELECT f.id, s.tenant_id, s.reason, s.amount
FROM follower AS f JOIN spent AS s ON s.invoice_id = f.invoice_id AND s.amount > 0
UNION ALL
SELECT
    f.id, s.tenant_id, CASE WHEN s.account IS NULL THEN 'no_spend' ELSE s.reason END,
    coalesce(s.amount, 1)
FROM follower AS f
LEFT JOIN of_month AS s ON s.account = f.account AND s.period = f.period
WHERE NOT f.of_invoice;

-- name: divide
-- Whole units of the line's scale by weight, and what is left to the largest remainders. So the
-- parts add up to the line, and the shares to 1. Equal remainders go by the tenant's name.
WITH sized AS (
    SELECT
        p.*, e.amount, e.scale,
        sum(p.weight) OVER (PARTITION BY p.entry) AS total,
        trunc(abs(e.amount) * CAST(10 AS numeric) ^ e.scale) AS units,
        CAST(1000000000000 AS numeric) AS share_units
    FROM part AS p JOIN entry AS e ON e.id = p.entry
), floored AS (
    SELECT
        s.*, div(units * weight, total) AS whole, div(share_units * weight, total) AS share_whole
    FROM sized AS s
), ranked AS (
    SELECT
        f.*,
        row_number() OVER (
            PARTITION BY entry
            ORDER BY units * weight - whole * total DESC, tenant_id COLLATE "C" NULLS LAST,
                reason COLLATE "C"
        ) <= units - sum(whole) OVER (PARTITION BY entry) AS gets_one,
        row_number() OVER (
            PARTITION BY entry
            ORDER BY share_units * weight - share_whole * total DESC,
                tenant_id COLLATE "C" NULLS LAST, reason COLLATE "C"
        ) <= share_units - sum(share_whole) OVER (PARTITION BY entry) AS share_gets_one,
        row_number() OVER (
            PARTITION BY entry ORDER BY tenant_id COLLATE "C" NULLS LAST, reason COLLATE "C"
        ) AS place
    FROM floored AS f
)
INSERT INTO allocation (entry, part, tenant_id, reason, share, amount)
SELECT
    entry,
    place,
    tenant_id,
    reason,
    trim_scale(round(
        (share_whole + CAST(share_gets_one AS integer)) / CAST(1000000000000 AS numeric), 12
    )),
    sign(amount) * round(
        (whole + CAST(gets_one AS integer)) / CAST(10 AS numeric) ^ scale, scale
    )
FROM ranked;

-- name: clear_parts
TRUNCATE part;
