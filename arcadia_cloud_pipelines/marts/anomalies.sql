/*
comment = """
Which day or month is unusual, for whom? One row an account, day or month, and project that cost much
more than it uses to: at least $5 a day or $20 a month more, half as much again as expected, and far
out of its usual ups and downs. The last 60 days and the last 12 complete months are looked at.
"""
grain = ["account", "unit", "period", "project_id", "scope"]
example = """
SELECT unit, period, scope, expected, amount, excess, because FROM marts.anomalies
ORDER BY period DESC, excess DESC LIMIT 20
"""
[columns]
unit = "day or month."
period = "The day, or the first day of the month, in UTC."
scope = "For whom: the project's name, or (no project)."
expected = "US dollars: the middle of the last 28 days, of a first of the month at least that of the last one; the middle of the last six months. 0 for a project that is new."
amount = "US dollars of the day by DigitalOcean's estimate, or of the month's invoices before taxes and credits."
excess = "amount less expected."
because = "The three lines that grew most against the seven days, or the month, before, with their difference."
complete = "True when the day was over for a day or more when it was last read, or the month is complete."
*/
WITH day AS (
    -- As daily_cost has them, without its finer rows.
    SELECT
        c.account, c.day, stay.project_id, sum(c.amount) AS amount, min(read.last_read_at) AS as_of,
        bool_and(read.last_read_at >= (c.day + 2)::timestamp AT TIME ZONE 'UTC') AS complete
    FROM public.cloud_daily_costs AS c
    JOIN public.cloud_cost_days AS read ON read.account = c.account AND read.day = c.day
    LEFT JOIN marts.project_spans AS stay
        ON stay.resource_id = c.resource_id
        AND (c.day + 1)::timestamp AT TIME ZONE 'UTC' - interval '1 second' >= stay.valid_from
        AND (c.day + 1)::timestamp AT TIME ZONE 'UTC' - interval '1 second'
            < coalesce(stay.valid_to, 'infinity')
    WHERE c.day >= (now() AT TIME ZONE 'UTC')::date - 95
    GROUP BY c.account, c.day, stay.project_id
), read_days AS (
    SELECT account, day, dense_rank() OVER (PARTITION BY account ORDER BY day) AS nth
    FROM (SELECT DISTINCT account, day FROM day) AS d
), past AS (
    -- As one join: to look at the days before each day anew would take their number squared.
    SELECT
        d.account, d.day, d.project_id, d.amount, d.as_of, d.complete,
        CAST(percentile_disc(0.5) WITHIN GROUP (ORDER BY coalesce(b.amount, 0)) AS numeric) AS middle,
        CAST(percentile_disc(0.9) WITHIN GROUP (ORDER BY coalesce(b.amount, 0)) AS numeric) AS high
    FROM day AS d
    JOIN read_days AS r ON r.account = d.account AND r.day = d.day AND r.nth > 14
    LEFT JOIN read_days AS past
        ON past.account = d.account AND past.day BETWEEN d.day - 28 AND d.day - 1
    LEFT JOIN day AS b
        ON b.account = past.account AND b.day = past.day
        AND coalesce(b.project_id, 0) = coalesce(d.project_id, 0)
    WHERE d.day >= (now() AT TIME ZONE 'UTC')::date - 60 AND d.amount >= 5
    GROUP BY d.account, d.day, d.project_id, d.amount, d.as_of, d.complete
), unusual_day AS (
    SELECT d.*, usual.expected
    FROM past AS d
    LEFT JOIN day AS first
        -- Fees come on the first of each month.
        ON extract(day FROM d.day) = 1 AND first.account = d.account
        AND first.day = (d.day - interval '1 month')::date
        AND coalesce(first.project_id, 0) = coalesce(d.project_id, 0)
    CROSS JOIN LATERAL (
        SELECT greatest(d.middle, first.amount, 0) AS expected,
            greatest(d.high, first.amount, 0) AS high
    ) AS usual
    WHERE d.amount - usual.expected >= 5
      AND d.amount >= 1.5 * usual.expected
      AND d.amount - usual.high >= (usual.high - usual.expected)
), whole_month AS (
    SELECT
        account, period, as_of, row_number() OVER (PARTITION BY account ORDER BY period) AS nth,
        row_number() OVER (PARTITION BY account ORDER BY period DESC) AS nth_last
    FROM marts.billing_months WHERE complete
), month AS (
    SELECT
        c.account, c.period, c.project_id, coalesce(c.project_name, '(no project)') AS scope,
        sum(c.amount) AS amount
    FROM marts.cost_months AS c
    WHERE c.entry = 'line' AND c.class NOT IN ('tax', 'credit')
      -- Twelve months, and the six before them that say what is usual.
      AND c.period >= (SELECT min(w.period) FROM whole_month AS w WHERE w.nth_last <= 18)
    GROUP BY c.account, c.period, c.project_id, scope
), unusual_month AS (
    SELECT m.*, w.as_of, b.middle AS expected
    FROM month AS m
    JOIN whole_month AS w ON w.account = m.account AND w.period = m.period
        AND w.nth > 3 AND w.nth_last <= 12
    CROSS JOIN LATERAL (
        SELECT
            CAST(percentile_disc(0.5) WITHIN GROUP (ORDER BY coalesce(b.amount, 0)) AS numeric) AS middle,
            max(coalesce(b.amount, 0)) AS high
        FROM whole_month AS past
        LEFT JOIN month AS b
            ON b.account = past.account AND b.period = past.period
            AND b.project_id IS NOT DISTINCT FROM m.project_id AND b.scope = m.scope
        WHERE past.account = m.account AND past.nth BETWEEN w.nth - 6 AND w.nth - 1
    ) AS b
    WHERE m.amount - b.middle >= 20 AND m.amount >= 1.5 * b.middle
      AND m.amount - b.high >= (b.high - b.middle)
), entry AS MATERIALIZED (
    -- The lines of the unusual months alone, and of those before them.
    SELECT e.*
    FROM (
        SELECT u.account, u.period FROM unusual_month AS u
        UNION SELECT u.account, (u.period - interval '1 month')::date FROM unusual_month AS u
    ) AS asked
    CROSS JOIN LATERAL (
        SELECT
            e.account, e.period, e.project_id, coalesce(e.project_name, '(no project)') AS scope,
            coalesce(e.name, e.description, e.product, 'unknown') AS what, sum(e.amount) AS amount
        FROM marts.cost_entries AS e
        WHERE e.entry = 'line' AND e.account = asked.account AND e.period = asked.period
          AND cloud_charge_class(e.product, e.description) NOT IN ('tax', 'credit')
        GROUP BY e.account, e.period, e.project_id, scope, what
    ) AS e
)
SELECT
    d.account, 'day' AS unit, d.day AS period, d.project_id,
    coalesce(p.name, '(no project)') AS scope, d.expected, d.amount,
    d.amount - d.expected AS excess, why.because, 'USD' AS currency, d.as_of, d.complete
FROM unusual_day AS d
LEFT JOIN public.cloud_projects AS p ON p.id = d.project_id
CROSS JOIN LATERAL (
    SELECT string_agg(
        top.what || ' ' || to_char(top.grown, 'FMSG999,999,990.00'), '; ' ORDER BY top.grown DESC, top.what
    ) AS because
    FROM (
        SELECT coalesce(c.description, c.product, c.sku, 'unknown') AS what,
            sum(CASE WHEN c.day = d.day THEN c.amount ELSE -c.amount / 7 END) AS grown
        FROM public.cloud_daily_costs AS c
        LEFT JOIN marts.project_spans AS stay
            ON stay.resource_id = c.resource_id
            AND (d.day + 1)::timestamp AT TIME ZONE 'UTC' - interval '1 second'
                BETWEEN stay.valid_from AND coalesce(stay.valid_to, 'infinity') - interval '1 second'
        WHERE c.account = d.account AND c.day BETWEEN d.day - 7 AND d.day
          AND stay.project_id IS NOT DISTINCT FROM d.project_id
        GROUP BY 1
        HAVING sum(CASE WHEN c.day = d.day THEN c.amount ELSE -c.amount / 7 END) >= 0.01
        ORDER BY 2 DESC, 1 LIMIT 3
    ) AS top
) AS why
UNION ALL
SELECT
    m.account, 'month', m.period, m.project_id, m.scope, m.expected, m.amount,
    m.amount - m.expected, why.because, 'USD', m.as_of, true
FROM unusual_month AS m
CROSS JOIN LATERAL (
    SELECT string_agg(
        top.what || ' ' || to_char(top.grown, 'FMSG999,999,990.00'), '; ' ORDER BY top.grown DESC, top.what
    ) AS because
    FROM (
        SELECT e.what, sum(CASE WHEN e.period = m.period THEN e.amount ELSE -e.amount END) AS grown
        FROM entry AS e
        WHERE e.account = m.account AND e.project_id IS NOT DISTINCT FROM m.project_id
          AND e.scope = m.scope
          AND e.period IN (m.period, (m.period - interval '1 month')::date)
        GROUP BY e.what
        HAVING sum(CASE WHEN e.period = m.period THEN e.amount ELSE -e.amount END) >= 0.01
        ORDER BY 2 DESC, 1 LIMIT 3
    ) AS top
) AS why
