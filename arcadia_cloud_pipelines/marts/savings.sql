/*
comment = """
What is paid for without need? One row a resource, with the strongest reason; never a resource twice.
"""
grain = ["resource_id"]
example = """
SELECT reason, count(*), sum(monthly_amount) FROM marts.savings GROUP BY reason ORDER BY 3 DESC NULLS LAST
"""
[columns]
reason = "left_behind, unattached_volume, unassigned_ip, targetless_load_balancer, old_snapshot or idle_droplet."
since = "Since when, as far as it was seen. Null when it was so before the first sync."
monthly_amount = "US dollars in the last closed month. Null where that month has no line of it."
*/
SELECT DISTINCT ON (waste.resource_id)
    waste.account, waste.resource_id, waste.kind, waste.name, waste.region, waste.project_id,
    waste.project_name, waste.tenant_id, waste.reason, waste.since, waste.monthly_amount,
    'USD' AS currency, waste.as_of, waste.complete
FROM (
    SELECT 1 AS rank, 'left_behind' AS reason, account, resource_id, kind, name, region,
        project_id, project_name, tenant_id, since, monthly_amount, as_of, complete
    FROM marts.left_behind
    UNION ALL
    SELECT 2, 'unattached_volume', account, resource_id, kind, name, region,
        project_id, project_name, tenant_id, detached_since, monthly_amount, as_of, complete
    FROM marts.unattached_volumes
    UNION ALL
    SELECT 3, 'unassigned_ip', account, resource_id, kind, name, region,
        project_id, project_name, tenant_id, unassigned_since, monthly_amount, as_of, complete
    FROM marts.unassigned_ips
    UNION ALL
    SELECT 4, 'targetless_load_balancer', account, resource_id, kind, name, region,
        project_id, project_name, tenant_id, NULL, monthly_amount, as_of, complete
    FROM marts.targetless_load_balancers
    UNION ALL
    SELECT 5, 'old_snapshot', account, resource_id, kind, name, region,
        project_id, project_name, tenant_id, since, monthly_amount, as_of, complete
    FROM marts.old_snapshots
    UNION ALL
    SELECT 6, 'idle_droplet', account, resource_id, kind, name, region,
        project_id, project_name, tenant_id, off_since, monthly_amount, as_of, complete
    FROM marts.idle_droplets
) AS waste
ORDER BY waste.resource_id, waste.rank
