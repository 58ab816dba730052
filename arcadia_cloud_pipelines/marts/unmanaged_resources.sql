/*
comment = """
What has no desired state, and what does it cost? One row a live resource without a spec. What the
platform makes by itself is marked, as nobody is expected to write a spec for it.
"""
grain = ["resource_id"]
example = """
SELECT kind, count(*), sum(monthly_amount) FROM marts.unmanaged_resources
WHERE NOT is_platform_owned GROUP BY kind ORDER BY 3 DESC NULLS LAST
"""
[columns]
provider_id = "DigitalOcean's identity of it."
is_platform_owned = "True when DigitalOcean made it for something else, such as the workers of a cluster."
monthly_amount = "US dollars in the last closed month. Null where that month has no line of it."
*/
SELECT
    r.account, r.resource_id, r.kind, r.provider_id, r.name, r.region, r.project_id,
    r.project_name, r.tenant_id, r.is_platform_owned, r.monthly_amount, r.currency, r.as_of,
    r.complete
FROM marts.resources AS r
WHERE NOT r.is_managed
