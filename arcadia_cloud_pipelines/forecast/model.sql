-- The statements of model.py, in the order in which it runs them.

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('arcadia.forecast', 0));

-- name: due_months
-- The last closed months whose test is missing, or was made by other rules or from other lines.
SELECT m.account, m.period, m.read_at AS lines_read_at
FROM (
    SELECT i.account, i.period, greatest(max(i.ingested_at), max(before.read_at)) AS read_at,
        row_number() OVER (PARTITION BY i.account ORDER BY i.period DESC) AS nth
    FROM cloud_invoices AS i
    JOIN (
        SELECT account, (period + interval '1 month')::date AS period, max(ingested_at) AS read_at
        FROM cloud_invoices GROUP BY account, period
        HAVING bool_and(ingest_status = 'ingested')
    ) AS before ON (before.account, before.period) = (i.account, i.period)
    WHERE i.period + interval '1 month' <= CAST(:now AS timestamptz) AT TIME ZONE 'UTC'
    GROUP BY i.account, i.period
    HAVING bool_and(i.ingest_status = 'ingested')
) AS m
WHERE m.nth <= :months
  AND NOT EXISTS (
    SELECT FROM cloud_forecast_tests AS t
    WHERE t.account = m.account AND t.period = m.period AND t.rules = :rules
      AND t.lines_read_at >= m.read_at
  )
ORDER BY m.account, m.period;

-- name: create_cuts
-- What is asked: the month of each account as it stood at one instant.
CREATE TEMP TABLE forecast_cuts (
    account text NOT NULL,
    period date NOT NULL,
    day integer NOT NULL,
    at timestamptz NOT NULL,
    month_begin timestamptz NOT NULL,
    month_end timestamptz NOT NULL,
    has_lines boolean NOT NULL DEFAULT false,
    PRIMARY KEY (account, period, day)
) ON COMMIT DROP;

-- name: add_test_cuts
INSERT INTO forecast_cuts (account, period, day, at, month_begin, month_end)
SELECT m.account, m.period, d.day,
    (CAST(m.period AS timestamp) + make_interval(days => d.day)) AT TIME ZONE 'UTC',
    CAST(m.period AS timestamp) AT TIME ZONE 'UTC',
    (m.period + interval '1 month') AT TIME ZONE 'UTC'
FROM unnest(CAST(:accounts AS text[]), CAST(:periods AS date[])) AS m (account, period)
CROSS JOIN unnest(CAST(:days AS integer[])) AS d (day);

-- name: add_open_cuts
-- The month of today of each account that has a preview or an invoice of the month before.
INSERT INTO forecast_cuts (account, period, day, at, month_begin, month_end)
SELECT a.account, n.period,
    CAST(floor(extract(epoch FROM known.at - n.month_begin) / 86400) AS integer),
    known.at, n.month_begin, (n.period + interval '1 month') AT TIME ZONE 'UTC'
FROM (
    SELECT date_trunc('month', CAST(:now AS timestamptz), 'UTC') AS month_begin,
        CAST(date_trunc('month', CAST(:now AS timestamptz) AT TIME ZONE 'UTC') AS date) AS period
) AS n
CROSS JOIN (
    SELECT account FROM cloud_invoices UNION SELECT account FROM cloud_open_months
) AS a
LEFT JOIN cloud_open_months AS o ON o.account = a.account AND o.period = n.period
CROSS JOIN LATERAL (
    SELECT CASE WHEN o.account IS NULL THEN n.month_begin
        ELSE greatest(n.month_begin, least(coalesce(o.updated_at, o.read_at), :now)) END AS at
) AS known
WHERE o.account IS NOT NULL OR EXISTS (
    SELECT FROM cloud_invoices AS i
    WHERE i.account = a.account AND i.period = (n.period - interval '1 month')::date
      AND i.ingest_status = 'ingested'
);

-- name: create_said
-- What each method says of each cut.
CREATE TEMP TABLE forecast_said ON COMMIT DROP AS
SELECT t.account, t.period, t.day, t.at, 'structure' AS method, t.expected, t.taxes,
    round(t.credits, 2) AS credits, t.so_far
FROM forecast_totals AS t
UNION ALL
SELECT c.account, c.period, c.day, c.at, 'last_invoice', sum(i.amount), sum(i.taxes), NULL, NULL
FROM forecast_cuts AS c
JOIN cloud_invoices AS i
    ON i.account = c.account AND i.period = (c.period - interval '1 month')::date
GROUP BY c.account, c.period, c.day, c.at
UNION ALL
SELECT t.account, t.period, t.day, t.at, 'straight_line',
    round(t.so_far * CAST(extract(epoch FROM c.month_end - c.month_begin)
        / extract(epoch FROM c.at - c.month_begin) AS numeric), 2),
    NULL, NULL, t.so_far
FROM forecast_totals AS t JOIN forecast_cuts AS c USING (account, period, day)
WHERE c.at >= c.month_begin + interval '1 day';

-- name: forget_tests
DELETE FROM cloud_forecast_tests AS t
USING unnest(CAST(:accounts AS text[]), CAST(:periods AS date[])) AS m (account, period)
WHERE (t.account, t.period) = (m.account, m.period);

-- name: store_tests
INSERT INTO cloud_forecast_tests (
    account, period, method, day, known_until, expected, taxes, credits, actual, rules,
    lines_read_at
)
SELECT s.account, s.period, s.method, s.day, s.at, s.expected, s.taxes, s.credits, i.actual,
    :rules, i.read_at
FROM forecast_said AS s
JOIN LATERAL (
    SELECT sum(i.amount) FILTER (WHERE i.period = s.period) AS actual, max(i.ingested_at) AS read_at
    FROM cloud_invoices AS i
    WHERE i.account = s.account
      AND i.period IN (s.period, (s.period - interval '1 month')::date)
) AS i ON true;

-- name: replace_lines
WITH gone AS (
    DELETE FROM cloud_forecast_lines AS l USING forecast_cuts AS c WHERE l.account = c.account
)
INSERT INTO cloud_forecast_lines (account, period, class, resource_id, what, so_far, expected)
SELECT p.account, p.period, p.class, p.resource_id,
    nullif(concat_ws(': ', nullif(split_part(p.key, E'\n', 2), ''), nullif(split_part(p.key, E'\n', 3), '')), ''),
    round(p.so_far, 2), round(p.whole, 2)
FROM forecast_projected AS p
UNION ALL
-- What is no use: what counted use will come to, credits, taxes.
SELECT t.account, t.period, rest.class, NULL, rest.what, rest.so_far, rest.expected
FROM forecast_totals AS t
CROSS JOIN LATERAL (
    VALUES
        ('counted', 'counted use of the rest of the month', CAST(0 AS numeric), round(t.counted, 2)),
        ('credit', 'credits and discounts', round(t.credits_so_far, 2), round(t.credits, 2)),
        ('tax', 'taxes', round(t.taxes_so_far, 2), t.taxes)
) AS rest (class, what, so_far, expected)
WHERE rest.so_far <> 0 OR rest.expected <> 0;

-- name: store_forecasts
-- The range is where nine of ten past months were not above, and nine of ten not below, at the same
-- day or the last one before it that is tested.
INSERT INTO cloud_forecasts (
    account, period, method, known_until, expected, taxes, credits, made_at, so_far, invoiced, low,
    high, back_test_error, whole, note
)
SELECT
    s.account, s.period, s.method, s.at, s.expected, s.taxes, s.credits, :now, s.so_far,
    coalesce(i.amount, 0),
    least(s.expected, round(s.expected * past.low, 2)),
    greatest(s.expected, round(s.expected * past.high, 2)),
    past.error,
    doubt.note IS NULL, doubt.note
FROM forecast_said AS s
LEFT JOIN LATERAL (
    SELECT sum(i.amount) AS amount FROM cloud_invoices AS i
    WHERE i.account = s.account AND i.period = s.period
) AS i ON true
LEFT JOIN LATERAL (
    SELECT
        percentile_disc(0.1) WITHIN GROUP (ORDER BY t.actual / t.expected) AS low,
        percentile_disc(0.9) WITHIN GROUP (ORDER BY t.actual / t.expected) AS high,
        avg(abs(t.expected / nullif(t.actual, 0) - 1)) AS error
    FROM cloud_forecast_tests AS t
    WHERE t.account = s.account AND t.method = s.method AND t.expected > 0 AND t.actual > 0
      AND t.day = (SELECT max(d.day) FROM cloud_forecast_tests AS d
                   WHERE d.account = s.account AND d.method = s.method AND d.day <= s.day)
      AND t.period IN (
        SELECT DISTINCT p.period FROM cloud_forecast_tests AS p WHERE p.account = s.account
        ORDER BY p.period DESC LIMIT :months
      )
    HAVING count(*) >= :least_months
) AS past ON true
CROSS JOIN LATERAL (
    SELECT concat_ws(' ',
        CASE WHEN o.account IS NULL AND :now >= (s.period + interval '2 days') AT TIME ZONE 'UTC'
            THEN 'There is no preview of the month.' END,
        CASE WHEN o.read_at < CAST(:now AS timestamptz) - interval '2 days'
            THEN 'The preview was last read on ' || to_char(o.read_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') || '.' END,
        o.note
    ) AS text
    FROM (SELECT s.account) AS a
    LEFT JOIN cloud_open_months AS o ON o.account = a.account AND o.period = s.period
) AS said
CROSS JOIN LATERAL (SELECT nullif(said.text, '') AS note) AS doubt
RETURNING account, period, method, low, expected, high, taxes, back_test_error, note;
