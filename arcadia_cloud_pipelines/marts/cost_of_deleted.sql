/*
comment = "What did things cost that are gone now? One row an account, month and deleted resource."
grain = ["account", "period", "resource_id"]
example = """
SELECT period, sum(amount) FROM marts.cost_of_deleted GROUP BY period ORDER BY period DESC
"""
[columns]
deleted_at = "When the third complete listing in a row lacked it."
*/
SELECT
    e.account,
    e.period,
    e.resource_id,
    r.kind,
    r.name,
    r.deleted_at,
    sum(e.amount) AS amount,
    'USD' AS currency,
    m.as_of,
    m.complete
FROM public.cloud_cost_lines AS e
JOIN public.cloud_resources AS r ON r.id = e.resource_id AND r.deleted_at IS NOT NULL
JOIN marts.billing_months AS m ON m.account = e.account AND m.period = e.period
GROUP BY e.account, e.period, e.resource_id, r.kind, r.name, r.deleted_at, m.as_of, m.complete
