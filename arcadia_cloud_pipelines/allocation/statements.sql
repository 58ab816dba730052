-- The statements of statements.py.

-- name: create_stated
CREATE TEMP TABLE stated ON COMMIT DROP AS
SELECT
    a.account, a.tenant_id, a.reason, a.period, false AS is_correction,
    CAST(NULL AS bigint) AS corrects_statement_id, e.invoice_uuid, a.line_number, a.part, a.rule,
    a.charge, e.product, e.kind, e.name, e.description, e.project_name, e.region, e.hours, a.amount
FROM cloud_cost_allocations AS a
JOIN cloud_invoices AS i ON i.id = a.invoice_id
JOIN marts.cost_entries AS e
    ON e.invoice_uuid = i.invoice_uuid AND e.line_number = a.line_number AND e.period = :period
WHERE a.account = :account AND a.period = :period;

-- name: add_corrections
-- What months closed before cost now, less what was stated for them, first by who pays: only there
-- are lines compared. A line's number is not: a corrected invoice has others.
WITH differing AS (
    SELECT d.period, d.tenant_id, d.reason
    FROM (
        SELECT t.period, t.tenant_id, t.reason, t.amount
        FROM cloud_tenant_costs AS t
        JOIN cloud_statement_closings AS c ON c.account = t.account AND c.period = t.period
        WHERE t.account = :account AND t.period <> :period
        UNION ALL
        SELECT l.period, l.tenant_id, l.reason, -l.amount
        FROM cloud_statement_lines AS l
        JOIN cloud_statements AS s ON s.id = l.statement_id
        WHERE s.account = :account AND l.period <> :period
    ) AS d
    GROUP BY d.period, d.tenant_id, d.reason
    HAVING sum(d.amount) <> 0
), side AS (
    SELECT
        a.period, a.tenant_id, a.reason, e.invoice_uuid, a.charge, e.product, e.kind, e.name,
        e.description, e.project_name, e.region, a.rule AS rule_now, CAST(NULL AS text) AS rule_was,
        a.amount
    FROM cloud_cost_allocations AS a
    JOIN cloud_invoices AS i ON i.id = a.invoice_id
    JOIN marts.cost_entries AS e
        ON e.invoice_uuid = i.invoice_uuid AND e.line_number = a.line_number
    WHERE a.account = :account AND a.period IN (SELECT period FROM differing)
    UNION ALL
    SELECT
        l.period, l.tenant_id, l.reason, l.invoice_uuid, l.charge, l.product, l.kind, l.name,
        l.description, l.project_name, l.region, NULL, l.rule, -l.amount
    FROM cloud_statement_lines AS l
    JOIN cloud_statements AS s ON s.id = l.statement_id
    WHERE s.account = :account AND l.period IN (SELECT period FROM differing)
), changed AS (
    SELECT
        period, tenant_id, reason, invoice_uuid, charge, product, kind, name, description,
        project_name, region, coalesce(max(rule_now), max(rule_was)) AS rule, sum(amount) AS amount
    FROM side
    GROUP BY
        period, tenant_id, reason, invoice_uuid, charge, product, kind, name, description,
        project_name, region
    HAVING sum(amount) <> 0
)
INSERT INTO stated
SELECT
    CAST(:account AS text), c.tenant_id, c.reason, c.period, true, s.id, c.invoice_uuid, 0, 0,
    c.rule, c.charge, c.product, c.kind, c.name, c.description, c.project_name, c.region, NULL,
    c.amount
FROM changed AS c
JOIN differing AS d
    ON d.period = c.period AND coalesce(d.tenant_id, '') = coalesce(c.tenant_id, '')
    AND coalesce(d.reason, '') = coalesce(c.reason, '')
LEFT JOIN cloud_statements AS s
    ON s.account = :account AND s.period = c.period
    AND coalesce(s.tenant_id, '') = coalesce(c.tenant_id, '');

-- name: close
INSERT INTO cloud_statement_closings (
    account, period, closed_by, rules_digest, not_whole, forced_because, based_on, amount,
    corrections
)
SELECT
    :account, :period, :closed_by, :digest, :not_whole, :forced_because,
    (
        SELECT jsonb_agg(jsonb_build_object(
            'invoice_uuid', i.invoice_uuid, 'amount', CAST(i.amount AS text),
            'lines_digest', i.lines_digest, 'line_count', i.line_count,
            'ingest_status', i.ingest_status, 'ingested_at', i.ingested_at
        ) ORDER BY i.invoice_uuid)
        FROM cloud_invoices AS i WHERE i.account = :account AND i.period = :period
    ),
    coalesce(sum(amount) FILTER (WHERE NOT is_correction), 0),
    coalesce(sum(amount) FILTER (WHERE is_correction), 0)
FROM stated
RETURNING id;

-- name: state
INSERT INTO cloud_statements (
    account, closing_id, period, tenant_id, rules_digest, is_whole, line_count, amount, corrections,
    total
)
SELECT
    account, :closing, :period, tenant_id, :digest, CAST(:not_whole AS text) IS NULL, count(*),
    coalesce(sum(amount) FILTER (WHERE NOT is_correction), 0),
    coalesce(sum(amount) FILTER (WHERE is_correction), 0),
    sum(amount)
FROM stated
GROUP BY account, tenant_id
ORDER BY tenant_id NULLS LAST;

-- name: state_lines
INSERT INTO cloud_statement_lines (
    statement_id, tenant_id, position, period, is_correction, corrects_statement_id, invoice_uuid,
    rule, reason, charge, product, kind, name, description, project_name, region, hours, amount
)
SELECT
    s.id, t.tenant_id,
    row_number() OVER (
        PARTITION BY s.id
        ORDER BY t.is_correction, t.period, t.invoice_uuid, t.line_number, t.part, t.charge,
            t.project_name, t.product, t.name, t.description
    ),
    t.period, t.is_correction, t.corrects_statement_id, t.invoice_uuid, t.rule, t.reason, t.charge,
    t.product, t.kind, t.name, t.description, t.project_name, t.region, t.hours, t.amount
FROM stated AS t
JOIN cloud_statements AS s
    ON s.closing_id = :closing AND coalesce(s.tenant_id, '') = coalesce(t.tenant_id, '')
ORDER BY 1, 3;

-- name: drop_stated
DROP TABLE stated;

-- name: list
SELECT
    s.id, s.account, s.period, s.tenant_id, s.closed_at, c.closed_by, s.is_whole, s.rules_digest,
    s.line_count, s.amount, s.corrections, s.total, c.forced_because
FROM cloud_statements AS s JOIN cloud_statement_closings AS c ON c.id = s.closing_id
WHERE (CAST(:period AS date) IS NULL OR s.period = CAST(:period AS date))
  AND (CAST(:id AS bigint) IS NULL OR s.id = CAST(:id AS bigint))
ORDER BY s.period, s.account, s.tenant_id NULLS LAST;

-- name: lines
SELECT
    position, period, is_correction, corrects_statement_id, invoice_uuid, project_name, product,
    kind, name, description, region, hours, charge, rule, reason, amount
FROM cloud_statement_lines WHERE statement_id = :id ORDER BY position;
