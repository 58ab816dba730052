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
WITH moved AS (
    SELECT
        month.account, month.period, side.project_id, side.project_name, side.kind, side.what,
        sum(side.before) AS before, sum(side.now) AS now
    FROM marts.billing_months AS month
    CROSS JOIN LATERAL (
        -- Month by month, so that one month's jumps look at two months' lines.
        SELECT
            e.project_id, e.project_name, e.kind,
            coalesce(e.name, e.description, e.product, 'unknown') AS what,
            coalesce(sum(e.amount) FILTER (WHERE e.period < month.period), 0) AS before,
            coalesce(sum(e.amount) FILTER (WHERE e.period = month.period), 0) AS now
        FROM marts.cost_entries AS e
        WHERE e.account = month.account AND e.period = ANY (
            ARRAY[month.period, CAST(month.period - interval '1 month' AS date)]
        )
        GROUP BY e.project_id, e.project_name, e.kind, what
    ) AS side
    GROUP BY
        month.account, month.period, side.project_id, side.project_name, side.kind, side.what
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
    jump.*,
    'USD' AS currency,
    m.as_of,
    m.complete AND coalesce(earlier.complete, false) AS complete
FROM (
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
        ) FILTER (WHERE r.rank <= 3 AND r.now <> r.before) AS because
    FROM ranked AS r
    GROUP BY r.account, r.period, r.project_id, r.project_name, r.kind
) AS jump
JOIN marts.billing_months AS m ON m.account = jump.account AND m.period = jump.period
LEFT JOIN marts.billing_months AS earlier
    ON earlier.account = jump.account
    AND earlier.period = CAST(jump.period - interval '1 month' AS date)
