/*
comment = """
What costs most? One row an account, month and resource, dearest first. Lines without a resource are
not in it, so the last cumulative share is the share of the month that is matched.
"""
grain = ["account", "period", "rank"]
example = """
SELECT rank, kind, name, amount, cumulative_share FROM marts.top_resources
WHERE period = (SELECT max(period) FROM marts.billing_months WHERE complete)
ORDER BY rank LIMIT 10
"""
[columns]
rank = "1 for the dearest resource of the month."
share = "Share of the month's usage, 0 to 1. Usage is the sum of all lines above zero."
cumulative_share = "Sum of the shares from rank 1 to this one."
*/
SELECT
    ranked.account,
    ranked.period,
    ranked.rank,
    ranked.resource_id,
    r.kind,
    r.name,
    ranked.amount,
    'USD' AS currency,
    ranked.amount / ranked.usage AS share,
    ranked.running / ranked.usage AS cumulative_share,
    m.as_of,
    m.complete
FROM (
    SELECT
        cost.*,
        row_number() OVER dearest AS rank,
        sum(cost.amount) OVER dearest AS running
    FROM (
        SELECT
            l.account, l.period, l.resource_id,
            sum(l.amount) AS amount,
            sum(sum(l.amount)) OVER (PARTITION BY l.account, l.period) AS usage
        FROM public.cloud_cost_lines AS l
        WHERE l.amount > 0
        GROUP BY l.account, l.period, l.resource_id
    ) AS cost
    WHERE cost.resource_id IS NOT NULL
    WINDOW dearest AS (
        PARTITION BY cost.account, cost.period ORDER BY cost.amount DESC, cost.resource_id
    )
) AS ranked
JOIN public.cloud_resources AS r ON r.id = ranked.resource_id
JOIN marts.billing_months AS m ON m.account = ranked.account AND m.period = ranked.period
