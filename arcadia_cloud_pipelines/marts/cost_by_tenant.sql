/*
comment = """
What did a tenant pay for a month, and by which rule? One row an account, month, tenant, rule,
project, kind, charge and reason. Who pays is what the asset cost_allocations found last. What is
billed and not allocated yet is a row without tenant and rule, so the amounts add up to the invoices.
"""
grain = ["account", "period", "tenant_id", "reason", "rule", "charge", "project_id", "kind"]
example = """
SELECT coalesce(tenant_id, 'nobody: ' || reason) AS who, sum(amount) AS dollars
FROM marts.cost_by_tenant
WHERE period = (SELECT max(period) FROM marts.billing_months WHERE complete)
GROUP BY who ORDER BY dollars DESC
"""
[columns]
tenant_id = "The tenant that pays. Null: nobody does, see reason."
reason = "Why nobody pays: no_project, unknown_project (a name on the invoice), project_without_tenant, no_spend (a rule by spend, and nobody spent), not_read (lines of the invoice), not_allocated (newer than the allocation), or the words of a rule. Null where a tenant pays."
rule = "Name of the rule that decided. Null for what is not allocated yet."
charge = "usage, credit (discounts, refunds and adjustments too), tax, support, summary (stands only in the invoice's summary) or not_read. Null for what is not allocated yet."
project_id = "The project of the time: cloud_projects.id. Null for none."
lines = "Number of invoice lines that a part of is in the amount."
is_closed = "True when the statements of the month are closed. What changed since is a correction on the next ones."
complete = "True when the month is complete and all of it is allocated."
*/
SELECT
    cost.account,
    cost.period,
    cost.tenant_id,
    cost.reason,
    cost.rule,
    cost.charge,
    cost.project_id,
    p.name AS project_name,
    cost.kind,
    cost.lines,
    cost.amount,
    closed.id IS NOT NULL AS is_closed,
    'USD' AS currency,
    least(m.as_of, applied.applied_at) AS as_of,
    m.complete AND rest.amount IS NULL AS complete
FROM (
    SELECT
        account, period, tenant_id, reason, rule, charge, project_id, kind, lines, amount
    FROM public.cloud_tenant_costs
    UNION ALL
    SELECT
        account, period, NULL, 'not_allocated', NULL, NULL, NULL, NULL, 0, amount
    FROM marts.allocation_gaps
) AS cost
JOIN marts.billing_months AS m ON m.account = cost.account AND m.period = cost.period
LEFT JOIN marts.allocation_gaps AS rest
    ON rest.account = cost.account AND rest.period = cost.period
LEFT JOIN public.cloud_projects AS p ON p.id = cost.project_id
LEFT JOIN public.cloud_allocation_months AS applied
    ON applied.account = cost.account AND applied.period = cost.period
LEFT JOIN public.cloud_statement_closings AS closed
    ON closed.account = cost.account AND closed.period = cost.period
