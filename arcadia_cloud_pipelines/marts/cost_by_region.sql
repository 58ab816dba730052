/*
comment = """
Where was the money spent? One row an account, month and region. Per account and month the amounts
add up to its invoices.
"""
grain = ["account", "period", "region"]
example = """
SELECT coalesce(region, 'no region') AS region, amount FROM marts.cost_by_region
WHERE period = (SELECT max(period) FROM marts.billing_months WHERE complete) ORDER BY amount DESC
"""
[columns]
region = "Region slug of the resource, else of the line's text. Null for what has none: taxes, support, domains."
*/
SELECT
    e.account,
    e.period,
    e.region,
    CAST(sum(e.lines) AS bigint) AS lines,
    sum(e.amount) AS amount,
    'USD' AS currency,
    e.as_of,
    e.complete
FROM marts.cost_months AS e
GROUP BY e.account, e.period, e.region, e.as_of, e.complete
