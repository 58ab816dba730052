/*
comment = """
Which share of what could be managed is managed, by count and by dollars? One row an account and
kind. What the platform makes by itself is left out.
"""
grain = ["account", "kind"]
example = "SELECT kind, managed, manageable, share, share_of_dollars FROM marts.managed_coverage ORDER BY manageable DESC"
[columns]
managed = "Live resources with a desired state."
manageable = "Live resources that the platform did not make by itself."
share = "managed / manageable, 0 to 1."
managed_amount = "US dollars of the managed ones in the last closed month."
manageable_amount = "US dollars of the manageable ones in the last closed month."
share_of_dollars = "managed_amount / manageable_amount, 0 to 1. Null where nothing was billed."
*/
SELECT
    r.account,
    r.kind,
    count(*) FILTER (WHERE r.is_managed) AS managed,
    count(*) AS manageable,
    count(*) FILTER (WHERE r.is_managed)::numeric / count(*) AS share,
    coalesce(sum(r.monthly_amount) FILTER (WHERE r.is_managed), 0) AS managed_amount,
    coalesce(sum(r.monthly_amount), 0) AS manageable_amount,
    coalesce(sum(r.monthly_amount) FILTER (WHERE r.is_managed), 0)
        / nullif(sum(r.monthly_amount), 0) AS share_of_dollars,
    'USD' AS currency,
    min(r.as_of) AS as_of,
    bool_and(r.complete) AS complete
FROM marts.resources AS r
WHERE r.is_managed OR NOT r.is_platform_owned
GROUP BY r.account, r.kind
