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
    l.account,
    l.resource_id,
    r.kind,
    l.period,
    sum(l.amount) AS monthly_amount,
    'USD' AS currency,
    m.as_of,
    m.complete
FROM marts.billing_months AS m
JOIN public.cloud_cost_lines AS l ON l.account = m.account AND l.period = m.period
JOIN public.cloud_resources AS r ON r.id = l.resource_id
WHERE m.is_last_closed
GROUP BY l.account, l.resource_id, r.kind, l.period, m.as_of, m.complete
