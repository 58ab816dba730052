/*
comment = """
What did a project cost in a month, by kind and product? One row an account, month, project, kind
and product. Per account and month the amounts add up to its invoices.
"""
grain = ["account", "period", "project_id", "project_name", "project_source", "kind", "product"]
example = """
SELECT project_name, sum(amount) AS dollars FROM marts.cost_by_project
WHERE period = (SELECT max(period) FROM marts.billing_months WHERE complete)
GROUP BY project_name ORDER BY dollars DESC
"""
[columns]
project_id = "The project of the time: cloud_projects.id. Null for what belongs to no project."
project_source = "membership: the project that the resource was in when the usage ended. invoice: the name on the invoice. Null: neither."
*/
SELECT
    e.account,
    e.period,
    e.project_id,
    e.project_name,
    e.project_source,
    e.kind,
    e.product,
    CAST(sum(e.lines) AS bigint) AS lines,
    sum(e.amount) AS amount,
    'USD' AS currency,
    e.as_of,
    e.complete
FROM marts.cost_months AS e
GROUP BY
    e.account, e.period, e.project_id, e.project_name, e.project_source, e.kind, e.product,
    e.as_of, e.complete
