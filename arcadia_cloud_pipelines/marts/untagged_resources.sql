/*
comment = """
Which live resources have no tag? One row a resource whose kind can carry tags and that the platform
did not make by itself.
"""
grain = ["resource_id"]
example = """
SELECT kind, count(*), sum(monthly_amount) FROM marts.untagged_resources GROUP BY kind ORDER BY 2 DESC
"""
[columns]
provider_id = "DigitalOcean's identity of it."
monthly_amount = "US dollars in the last closed month. Null where that month has no line of it."
*/
SELECT
    r.account, r.resource_id, r.kind, r.provider_id, r.name, r.region, r.project_id,
    r.project_name, r.tenant_id, r.monthly_amount, r.currency, r.as_of, r.complete
FROM marts.resources AS r
JOIN marts.kinds AS k ON k.kind = r.kind AND k.is_taggable
WHERE r.tags = '{}' AND NOT r.is_platform_owned
