/*
comment = """
What did a resource cost in the last closed month? One row a resource that the month has a line of.
"""
grain = ["resource_id"]
example = "SELECT kind, count(*), sum(monthly_amount) FROM marts.monthly_amounts GROUP BY kind ORDER BY 3 DESC"
[columns]
period = "The last month that is over and whose invoices are read whole, first day, UTC."
monthly_amount = "US dollars in that month. Less than a whole month's where it came or went within it."
*/
SELECT
    m.account,
    cost.resource_id,
    r.kind,
    m.period,
    cost.monthly_amount,
    'USD' AS currency,
    m.as_of,
    m.complete
FROM marts.billing_months AS m
CROSS JOIN LATERAL (
    -- So that the lines of this month alone are looked at.
    SELECT l.resource_id, sum(l.amount) AS monthly_amount
    FROM public.cloud_cost_lines AS l
    WHERE l.account = m.account AND l.period = m.period AND l.resource_id IS NOT NULL
    GROUP BY l.resource_id
) AS cost
JOIN public.cloud_resources AS r ON r.id = cost.resource_id
WHERE m.is_last_closed
