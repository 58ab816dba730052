-- The statements of allocate.py, in the order in which it runs them.

-- name: lock
-- One at a time: two that apply different rules would mix.
SELECT pg_advisory_xact_lock(hashtextextended('arcadia.allocation', 0));

-- name: products
SELECT DISTINCT product FROM cloud_cost_lines WHERE product IS NOT NULL;

-- name: create_charges
CREATE TEMP TABLE product_charge (product text PRIMARY KEY, charge text NOT NULL) ON COMMIT DROP;

-- name: create_candidates
-- Each invoice line, and what of an invoice no line explains, with all that rules may ask for.
CREATE TEMP TABLE candidate ON COMMIT DROP AS
SELECT
    row_number() OVER (ORDER BY i.id, e.line_number) AS id,
    e.account,
    e.period,
    to_char(e.period, 'YYYY-MM') AS month,
    i.id AS invoice_id,
    e.line_number,
    e.amount,
    e.product,
    e.kind,
    e.name AS resource_name,
    e.region,
    r.provider_id AS resource,
    e.project_id,
    e.project_name,
    CASE WHEN e.project_name IS NOT NULL
        THEN coalesce(p.provider_id, '') || E'\n' || e.project_name END AS project,
    CAST(span.tags AS text) AS tag,
    e.tenant_id,
    CAST(e.tenant_id IS NOT NULL AS text) AS owned,
    -- A refund of a resource is about that resource; one of nothing is a credit.
    CASE
        WHEN e.entry <> 'line' THEN e.entry
        WHEN c.charge <> 'usage' THEN c.charge
        WHEN e.amount < 0 AND e.resource_id IS NULL THEN 'credit'
        ELSE 'usage'
    END || CASE WHEN e.resource_id IS NULL THEN '' ELSE '/resource' END AS charge
FROM marts.cost_entries AS e
JOIN cloud_invoices AS i ON i.invoice_uuid = e.invoice_uuid
LEFT JOIN product_charge AS c ON c.product = e.product
LEFT JOIN cloud_resources AS r ON r.id = e.resource_id
LEFT JOIN cloud_projects AS p ON p.id = e.project_id
LEFT JOIN marts.tag_spans AS span
    ON span.resource_id = e.resource_id
    AND (span.valid_from IS NULL OR span.valid_from <= e.used_at)
    AND (span.valid_to IS NULL OR e.used_at < span.valid_to);

-- name: create_masks
CREATE TEMP TABLE mask (
    dimension text, value text, mask varbit NOT NULL, PRIMARY KEY (dimension, value)
) ON COMMIT DROP;

-- name: analyze
ANALYZE candidate, mask;

-- name: match
-- See masks.py. The last rule matches everything, so that each line has one. Parts will be as fine
-- as the line is, and a cent at least.
CREATE TEMP TABLE entry ON COMMIT DROP AS
SELECT
    f.id, f.account, f.period, f.invoice_id, f.line_number, f.amount,
    greatest(2, min_scale(f.amount)) AS scale,
    f.kind, f.project_id, f.project_name, f.tenant_id, split_part(f.charge, '/', 1) AS charge,
    f.mask, position(B'1' IN f.mask & f.owner_mask) AS rule
FROM (
    SELECT
        e.*,
        coalesce(account.mask, CAST(CAST(:account AS text) AS varbit))
        & coalesce(month.mask, CAST(CAST(:month AS text) AS varbit))
        & coalesce(project.mask, CAST(CAST(:project AS text) AS varbit))
        & coalesce(tag.mask, CAST(CAST(:tag AS text) AS varbit))
        & coalesce(kind.mask, CAST(CAST(:kind AS text) AS varbit))
        & coalesce(resource_name.mask, CAST(CAST(:resource_name AS text) AS varbit))
        & coalesce(region.mask, CAST(CAST(:region AS text) AS varbit))
        & coalesce(product.mask, CAST(CAST(:product AS text) AS varbit))
        & coalesce(resource.mask, CAST(CAST(:resource AS text) AS varbit))
        & coalesce(charge.mask, CAST(CAST(:charge AS text) AS varbit)) AS mask,
        coalesce(owned.mask, CAST(CAST(:owned AS text) AS varbit)) AS owner_mask
    FROM candidate AS e
    LEFT JOIN mask AS account ON account.dimension = 'account' AND account.value = e.account
    LEFT JOIN mask AS month ON month.dimension = 'month' AND month.value = e.month
    LEFT JOIN mask AS project ON project.dimension = 'project' AND project.value = e.project
    LEFT JOIN mask AS tag ON tag.dimension = 'tag' AND tag.value = e.tag
    LEFT JOIN mask AS kind ON kind.dimension = 'kind' AND kind.value = e.kind
    LEFT JOIN mask AS resource_name ON resource_name.dimension = 'resource_name' AND resource_name.value = e.resource_name
    LEFT JOIN mask AS region ON region.dimension = 'region' AND region.value = e.region
    LEFT JOIN mask AS product ON product.dimension = 'product' AND product.value = e.product
    LEFT JOIN mask AS resource ON resource.dimension = 'resource' AND resource.value = e.resource
    LEFT JOIN mask AS charge ON charge.dimension = 'charge' AND charge.value = e.charge
    LEFT JOIN mask AS owned ON owned.dimension = 'owned' AND owned.value = e.owned
) AS f;

-- name: use_of_rules
-- For each rule, whether any line matched it, and whether it decided for any.
SELECT
    n.number,
    coalesce(get_bit(seen.mask, n.number - 1) = 1, false) AS matched,
    EXISTS (SELECT FROM entry AS e WHERE e.rule = n.number) AS decided
FROM generate_series(1, CAST(:rules AS integer)) AS n (number)
CROSS JOIN (SELECT bit_or(mask) AS mask FROM entry) AS seen;

-- name: index_entries
CREATE UNIQUE INDEX ON entry (id);

-- name: create_fresh
CREATE TEMP TABLE fresh ON COMMIT DROP AS
SELECT
    e.account, e.period, e.invoice_id, e.line_number, a.part, a.tenant_id, a.reason,
    r.name AS rule, e.charge, a.share, a.amount, e.project_id, e.kind
FROM allocation AS a
JOIN entry AS e ON e.id = a.entry
JOIN rule AS r ON r.number = e.rule;

-- name: index_fresh
CREATE UNIQUE INDEX ON fresh (invoice_id, line_number, part);

-- name: differences
-- By month and who pays: what is stored, and what it would be.
SELECT
    d.account, d.period, d.tenant_id, d.reason, sum(d.before) AS before, sum(d.after) AS after
FROM (
    SELECT account, period, tenant_id, reason, amount AS before, 0 AS after
    FROM cloud_cost_allocations
    UNION ALL
    SELECT account, period, tenant_id, reason, 0, amount FROM fresh
) AS d
GROUP BY d.account, d.period, d.tenant_id, d.reason
HAVING sum(d.before) <> sum(d.after)
ORDER BY d.period, d.account, d.tenant_id NULLS LAST, d.reason;

-- name: create_changed
-- Lines whose allocation is another one than is stored, or is gone.
CREATE TEMP TABLE changed ON COMMIT DROP AS
SELECT coalesce(f.account, c.account) AS account, coalesce(f.period, c.period) AS period, c.id
FROM fresh AS f
FULL JOIN cloud_cost_allocations AS c
    ON c.invoice_id = f.invoice_id AND c.line_number = f.line_number AND c.part = f.part
WHERE (
    f.account, f.period, f.tenant_id, f.reason, f.rule, f.charge, f.share, f.amount, f.project_id,
    f.kind
) IS DISTINCT FROM (
    c.account, c.period, c.tenant_id, c.reason, c.rule, c.charge, c.share, c.amount, c.project_id,
    c.kind
);

-- name: delete_changed
DELETE FROM cloud_cost_allocations AS c USING changed WHERE changed.id = c.id;

-- name: insert_changed
INSERT INTO cloud_cost_allocations (
    account, period, invoice_id, line_number, part, tenant_id, reason, rule, charge, share, amount,
    project_id, kind
)
SELECT
    f.account, f.period, f.invoice_id, f.line_number, f.part, f.tenant_id, f.reason, f.rule,
    f.charge, f.share, f.amount, f.project_id, f.kind
FROM fresh AS f
WHERE NOT EXISTS (
    SELECT FROM cloud_cost_allocations AS c
    WHERE c.invoice_id = f.invoice_id AND c.line_number = f.line_number AND c.part = f.part
)
ORDER BY f.period, f.invoice_id, f.line_number, f.part;

-- name: create_sums
CREATE TEMP TABLE sums ON COMMIT DROP AS
SELECT
    md5(CAST(jsonb_build_array(
        account, period, tenant_id, reason, rule, charge, project_id, kind
    ) AS text)) AS key,
    account, period, tenant_id, reason, rule, charge, project_id, kind,
    count(*) FILTER (WHERE line_number > 0) AS lines, sum(amount) AS amount
FROM fresh
GROUP BY account, period, tenant_id, reason, rule, charge, project_id, kind;

-- name: delete_sums
DELETE FROM cloud_tenant_costs AS c WHERE NOT EXISTS (SELECT FROM sums WHERE sums.key = c.key);

-- name: store_sums
INSERT INTO cloud_tenant_costs AS c (
    key, account, period, tenant_id, reason, rule, charge, project_id, kind, lines, amount
)
SELECT key, account, period, tenant_id, reason, rule, charge, project_id, kind, lines, amount
FROM sums
ORDER BY period, account, tenant_id NULLS LAST, key
ON CONFLICT (key) DO UPDATE SET lines = excluded.lines, amount = excluded.amount
WHERE (c.lines, c.amount) IS DISTINCT FROM (excluded.lines, excluded.amount);

-- name: store_rules
INSERT INTO cloud_allocation_rules (digest, rules)
VALUES (:digest, CAST(:rules AS jsonb)) ON CONFLICT (digest) DO NOTHING;

-- name: delete_months
DELETE FROM cloud_allocation_months AS m
WHERE NOT EXISTS (SELECT FROM fresh AS f WHERE f.account = m.account AND f.period = m.period);

-- name: store_months
INSERT INTO cloud_allocation_months AS m (
    account, period, rules_digest, applied_at, changed_at, entries, amount
)
SELECT
    f.account, f.period, :digest, now(), now(),
    count(*) FILTER (WHERE f.part = 1), sum(f.amount)
FROM fresh AS f
GROUP BY f.account, f.period
ORDER BY f.period, f.account
ON CONFLICT (account, period) DO UPDATE SET
    rules_digest = excluded.rules_digest,
    applied_at = excluded.applied_at,
    changed_at = CASE WHEN EXISTS (
        SELECT FROM changed WHERE changed.account = m.account AND changed.period = m.period
    ) THEN excluded.changed_at ELSE m.changed_at END,
    entries = excluded.entries,
    amount = excluded.amount;

-- name: rules_in_force
-- Those that were applied last.
SELECT CAST(r.rules AS text)
FROM cloud_allocation_rules AS r
JOIN cloud_allocation_months AS m ON m.rules_digest = r.digest
ORDER BY m.applied_at DESC, m.period DESC LIMIT 1;
