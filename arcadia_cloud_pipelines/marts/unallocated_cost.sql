/*
comment = """
What belongs to nobody, and why? One row an account, month and reason. With the tenants of
cost_by_tenant it adds up to the invoices. Taxes, credits and support follow the spend of their
invoice, so what follows unallocated spend is here, with the reason of that spend.
"""
grain = ["account", "period", "reason"]
example = """
SELECT period, reason, lines, amount FROM marts.unallocated_cost
ORDER BY period DESC, amount DESC LIMIT 20
"""
[columns]
reason = "Why nobody pays: no_project, unknown_project (a name on the invoice), project_without_tenant, no_spend (a rule by spend, and nobody spent), not_read (lines of the invoice), not_allocated (newer than the allocation), or the words of a rule."
lines = "Number of invoice lines that a part of is in the amount."
*/
SELECT
    c.account,
    c.period,
    c.reason,
    CAST(sum(c.lines) AS bigint) AS lines,
    sum(c.amount) AS amount,
    'USD' AS currency,
    min(c.as_of) AS as_of,
    bool_and(c.complete) AS complete
FROM marts.cost_by_tenant AS c
WHERE c.tenant_id IS NULL
GROUP BY c.account, c.period, c.reason
