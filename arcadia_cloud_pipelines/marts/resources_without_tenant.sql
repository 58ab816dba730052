/*
comment = """
Which live resources belong to no tenant? One row a resource that is in no project, or in a project
without a tenant.
"""
grain = ["resource_id"]
example = """
SELECT reason, project_name, count(*), sum(monthly_amount) FROM marts.resources_without_tenant
GROUP BY reason, project_name ORDER BY 4 DESC NULLS LAST
"""
[columns]
provider_id = "DigitalOcean's identity of it."
reason = "no_project, or project_without_tenant."
monthly_amount = "US dollars in the last closed month. Null where that month has no line of it."
*/
SELECT
    r.account, r.resource_id, r.kind, r.provider_id, r.name, r.region, r.project_id,
    r.project_name,
    CASE WHEN r.project_id IS NULL THEN 'no_project' ELSE 'project_without_tenant' END AS reason,
    r.monthly_amount, r.currency, r.as_of, r.complete
FROM marts.resources AS r
WHERE r.tenant_id IS NULL AND r.part_of IS NULL
  -- A project has a tenant of its own, or waits for one in the check `classified`.
  AND r.kind <> 'project'
