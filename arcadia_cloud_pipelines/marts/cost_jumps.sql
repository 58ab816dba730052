/*
comment = """
What jumped from one month to the next, and which lines explain it? One row an account, month,
project and kind. Per month the jumps add up to the difference of the invoices.
"""
grain = ["account", "period", "project_id", "project_name", "kind"]
example = """
SELECT project_name, kind, before, now, jump, because FROM marts.cost_jumps
WHERE period = (SELECT max(period) FROM marts.billing_months WHERE complete)
ORDER BY abs(jump) DESC LIMIT 10
"""
[columns]
before = "US dollars of the month before."
now = "US dollars of this month."
jump = "now minus before."
because = "The three lines or resources that moved most, with their difference."
complete = "True when both months are complete."
*/
WITH cost AS (
    SELECT
        e.account, e.period, e.project_id, e.project_name, e.kind,
        coalesce(e.name, e.description, e.product, 'unknown') AS what,
        sum(e.amount) AS amount
    FROM marts.cost_entries AS e
    GROUP BY e.account, e.period, e.project_id, e.project_name, e.kind, what
), moved AS (
    SELECT
        side.account, side.period, side.project_id, side.project_name, side.kind, side.what,
        sum(side.before) AS before, sum(side.now) AS now
    FROM (
        SELECT c.account, c.period, c.project_id, c.project_name, c.kind, c.what,
            0 AS before, c.amount AS now
        FROM cost AS c
        UNION ALL
        -- What a month cost is what the next one is compared with, if there is a next one.
        SELECT c.account, next.period, c.project_id, c.project_name, c.kind, c.what, c.amount, 0
        FROM cost AS c
        JOIN marts.billing_months AS next
            ON next.account = c.account
            AND next.period = CAST(c.period + interval '1 month' AS date)
    ) AS side
    GROUP BY
        side.account, side.period, side.project_id, side.project_name, side.kind, side.what
), ranked AS (
    SELECT
        moved.*,
        row_number() OVER (
            PARTITION BY account, period, project_id, project_name, kind
            ORDER BY abs(now - before) DESC, what
        ) AS rank
    FROM moved
)
SELECT
    r.account,
    r.period,
    r.project_id,
    r.project_name,
    r.kind,
    sum(r.before) AS before,
    sum(r.now) AS now,
    sum(r.now - r.before) AS jump,
    string_agg(
        r.what || ' ' || to_char(r.now - r.before, 'FMSG999,999,990.00'), '; ' ORDER BY r.rank
    ) FILTER (WHERE r.rank <= 3 AND r.now <> r.before) AS because,
    'USD' AS currency,
    m.as_of,
    m.complete AND coalesce(earlier.complete, false) AS complete
FROM ranked AS r
JOIN marts.billing_months AS m ON m.account = r.account AND m.period = r.period
LEFT JOIN marts.billing_months AS earlier
    ON earlier.account = r.account
    AND earlier.period = CAST(r.period - interval '1 month' AS date)
GROUP BY
    r.account, r.period, r.project_id, r.project_name, r.kind, m.as_of, m.complete,
    earlier.complete
