/*
comment = """
Which live billable resources had no line in the last closed month? One row a resource that was
there for the whole of that month. Free kinds and parts of others are not in it.
"""
grain = ["resource_id"]
example = "SELECT kind, name, since FROM marts.unbilled_resources ORDER BY since"
[columns]
period = "The last closed month, first day, UTC."
since = "When it was made, else first seen."
expected_monthly_amount = "US dollars that a month of it should cost, by the rate of its plan. Null where no rate is known."
*/
WITH rate AS MATERIALIZED (
    -- Made once: a plan that looks it up for each resource takes minutes.
    SELECT account, kind, size_slug, monthly_amount FROM marts.rates WHERE is_current
), month AS MATERIALIZED (
    SELECT account, period, as_of, complete FROM marts.billing_months WHERE is_last_closed
)
SELECT
    r.account, r.resource_id, r.kind, r.name, r.region, r.project_id, m.period,
    coalesce(r.created_at, r.first_seen_at) AS since,
    rate.monthly_amount AS expected_monthly_amount, 'USD' AS currency,
    least(r.as_of, m.as_of) AS as_of,
    r.complete AND m.complete AS complete
FROM month AS m
JOIN marts.resources AS r ON r.account = m.account AND r.is_billable AND NOT r.is_platform_owned
LEFT JOIN rate
    ON rate.account = r.account AND rate.kind = r.kind AND rate.size_slug = r.size_slug
WHERE coalesce(r.created_at, r.first_seen_at) < CAST(m.period AS timestamp) AT TIME ZONE 'UTC'
  AND r.monthly_amount IS NULL
