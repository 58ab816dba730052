/*
comment = """
What does what runs now cost a month? One row a live billable resource. One without a known rate is
listed with null, not left out.
"""
grain = ["resource_id"]
example = """
SELECT kind, count(*), sum(monthly_amount), count(*) FILTER (WHERE monthly_amount IS NULL) AS unknown
FROM marts.run_rate GROUP BY kind ORDER BY 3 DESC NULLS LAST
"""
[columns]
monthly_amount = "US dollars for a whole month at today's size. Null where no rate is known."
size_slug = "The plan it is billed by, where it has one."
rate_source = "own_lines: its lines of the last closed month, taken for a whole month. invoice or catalogue: the rate of its plan, see rates. Null: no rate is known."
is_estimate = "True when it rests on the plan's rate and not on lines of its own."
complete = "True when its kind was listed whole and, for own_lines, the month is complete."
*/
WITH month AS (
    SELECT m.account, m.period, m.as_of FROM marts.billing_months AS m WHERE m.is_last_closed
), own AS (
    SELECT month.account, month.period, month.as_of, line.resource_id, line.amount
    FROM month
    CROSS JOIN LATERAL (
        -- So that the lines of this month alone are looked at.
        SELECT
            part.resource_id,
            CASE WHEN bool_and(part.paid > 0) THEN
                sum(CASE WHEN part.paid > 0 THEN round(part.amount * 672 / part.paid, 2) END)
            END AS amount
        FROM (
            SELECT
                run.resource_id, run.amount,
                -- The hours that the amount is for: the month's first 672 without those that were
                -- used up before a resize. A quantity below a day is a number of backups or the like.
                CASE WHEN greatest(run.hours, run.used) >= 24
                     THEN least(run.hours, 672 - run.used) ELSE 672 END AS paid
            FROM (
                SELECT
                    one.resource_id, one.hours, one.amount, one.is_over,
                    coalesce(sum(one.hours) FILTER (WHERE one.is_over)
                        OVER (PARTITION BY one.resource_id, one.product), 0) AS used
                FROM (
                    SELECT
                        l.resource_id, l.product, l.hours, l.amount,
                        coalesce(
                            l.ended_at < (l.period + interval '1 month') AT TIME ZONE 'UTC'
                                - interval '1 day'
                            OR l.ended_at <= max(l.started_at)
                                OVER (PARTITION BY l.resource_id, l.product),
                            false
                        ) AS is_over
                    FROM public.cloud_cost_lines AS l
                    WHERE l.account = month.account AND l.period = month.period
                      AND l.resource_id IS NOT NULL
                ) AS one
            ) AS run
            -- What ended within the month does not run on.
            WHERE NOT run.is_over
        ) AS part
        GROUP BY part.resource_id
    ) AS line
), known AS (
    SELECT own.resource_id, own.amount, own.as_of
    FROM own
    -- Resized since: its old lines say nothing of today.
    WHERE NOT EXISTS (
        SELECT FROM public.cloud_resource_events AS e
        WHERE e.resource_id = own.resource_id AND e.event <> 'discovered'
          AND e.changes ? 'size_slug'
          AND e.occurred_at >= (own.period + interval '1 month') AT TIME ZONE 'UTC'
    )
)
SELECT
    r.account, r.resource_id, r.kind, r.name, r.region, r.project_id, r.project_name,
    r.tenant_id, r.size_slug,
    coalesce(known.amount, rate.monthly_amount) AS monthly_amount,
    r.currency,
    CASE WHEN known.amount IS NOT NULL THEN 'own_lines' ELSE rate.source END AS rate_source,
    known.amount IS NULL AS is_estimate,
    least(r.as_of, known.as_of, rate.as_of) AS as_of,
    r.complete
FROM marts.resources AS r
LEFT JOIN known ON known.resource_id = r.resource_id
LEFT JOIN marts.rates AS rate
    ON rate.account = r.account AND rate.kind = r.kind AND rate.size_slug = r.size_slug
    AND rate.is_current
WHERE (r.is_billable AND NOT r.is_platform_owned) OR known.amount IS NOT NULL
