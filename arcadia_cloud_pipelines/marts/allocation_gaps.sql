/*
comment = """
Which months cost something else than is allocated to tenants or to nobody? One row an account and
month; none where the newest allocation has every cent.
"""
grain = ["account", "period"]
example = "SELECT period, amount FROM marts.allocation_gaps ORDER BY period DESC"
[columns]
amount = "US dollars of the invoices less what is allocated. The next cost_allocations makes it 0."
*/
SELECT
    m.account,
    m.period,
    m.amount - coalesce(a.amount, 0) AS amount,
    'USD' AS currency,
    m.as_of,
    false AS complete
FROM marts.billing_months AS m
LEFT JOIN (
    SELECT account, period, sum(amount) AS amount
    FROM public.cloud_tenant_costs GROUP BY account, period
) AS a ON a.account = m.account AND a.period = m.period
WHERE m.amount <> coalesce(a.amount, 0)
