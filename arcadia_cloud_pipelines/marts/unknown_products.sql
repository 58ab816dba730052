/*
comment = """
Which products does this release not know? One row an account and product. Their lines are kept and
counted, but have no kind.
"""
grain = ["account", "product"]
example = "SELECT product, lines, amount FROM marts.unknown_products ORDER BY amount DESC"
[columns]
first_period = "First month that has a line of it."
last_period = "Newest month that has a line of it."
*/
SELECT
    l.account,
    l.product,
    min(l.period) AS first_period,
    max(l.period) AS last_period,
    count(*) AS lines,
    sum(l.amount) AS amount,
    'USD' AS currency,
    min(m.as_of) AS as_of,
    bool_and(m.complete) AS complete
FROM public.cloud_cost_lines AS l
JOIN marts.billing_months AS m ON m.account = l.account AND m.period = l.period
WHERE l.unmatched_reason = 'unknown_product'
GROUP BY l.account, l.product
