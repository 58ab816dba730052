/*
comment = """
What did a plan cost an hour, by the invoices of a month? One row an account, month and plan. Kept in
cloud_billed_rates, and made from the month's lines while it is not kept.
"""
grain = ["account", "period", "size_slug"]
example = """
SELECT period, hourly FROM marts.billed_rates WHERE size_slug = 's-1vcpu-1gb' ORDER BY period
"""
[columns]
size_slug = "The plan, as invoice lines name it."
hourly = "US dollars an hour, to five digits: the rate of the lines that ran the whole month where there are any, else the one that most lines have."
*/
SELECT
    rate.account, rate.period, rate.size_slug, rate.hourly, 'USD' AS currency, m.as_of, m.complete
FROM (
    SELECT kept.account, kept.period, kept.size_slug, kept.hourly
    FROM public.cloud_billed_rates AS kept
    UNION ALL
    SELECT month.account, month.period, live.size_slug, live.hourly
    FROM (
        SELECT DISTINCT i.account, i.period FROM public.cloud_invoices AS i
        WHERE NOT EXISTS (
            SELECT FROM public.cloud_kept_months AS kept
            WHERE kept.account = i.account AND kept.period = i.period
        )
    ) AS month
    CROSS JOIN LATERAL (
        -- Lines are rounded to the cent: of few hours they say little, and of 672 most.
        SELECT DISTINCT ON (line.size_slug) line.size_slug, line.hourly
        FROM (
            SELECT
                substring(part.ending FROM '^([a-z0-9][a-z0-9._-]*)\)\s*$') AS size_slug,
                round(part.amount / least(part.hours, 672), 5) AS hourly,
                bool_or(part.hours >= 672) AS is_whole,
                sum(part.lines) AS lines
            FROM (
                -- By what lines have in common first: there are few kinds of them.
                SELECT
                    l.amount, l.hours,
                    CASE WHEN l.description LIKE '%(%' THEN split_part(l.description, '(', -1) END
                        AS ending,
                    count(*) AS lines
                FROM public.cloud_cost_lines AS l
                WHERE l.account = month.account AND l.period = month.period
                  AND l.kind = 'droplet' AND l.hours >= 100 AND l.amount > 0
                  -- What began within the month and went beyond its 672 hours may have been resized,
                  -- and then a part of these hours cost nothing.
                  AND coalesce(
                    l.started_at <= CAST(l.period AS timestamp) AT TIME ZONE 'UTC'
                        OR l.ended_at <= CAST(l.period AS timestamp) AT TIME ZONE 'UTC'
                            + interval '672 hours',
                    true
                  )
                GROUP BY l.amount, l.hours, ending
            ) AS part
            GROUP BY 1, 2
        ) AS line
        WHERE line.size_slug IS NOT NULL
        ORDER BY line.size_slug, line.is_whole DESC, line.lines DESC, line.hourly DESC
    ) AS live
) AS rate
JOIN marts.billing_months AS m ON m.account = rate.account AND m.period = rate.period
