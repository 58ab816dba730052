/*
comment = """
What did a Kubernetes cluster leave behind? One row a live volume, load balancer, firewall or
snapshot that a tag or its name ties to a cluster that is deleted.
"""
grain = ["resource_id"]
example = "SELECT kind, name, cluster_name, since, monthly_amount FROM marts.left_behind"
[columns]
cluster_id = "The deleted cluster: cloud_resources.id."
cluster_name = "Its name."
since = "When the cluster was deleted."
monthly_amount = "US dollars in the last closed month. Null where that month has no line of it."
*/
SELECT DISTINCT ON (r.resource_id)
    r.account, r.resource_id, r.kind, r.name, r.region, r.project_id, r.project_name,
    r.tenant_id, cluster.id AS cluster_id, cluster.name AS cluster_name,
    cluster.deleted_at AS since, r.monthly_amount, r.currency, r.as_of, r.complete
FROM public.cloud_resources AS cluster
JOIN marts.resources AS r
    ON r.account = cluster.account
    AND r.kind IN ('volume', 'load_balancer', 'firewall', 'volume_snapshot')
JOIN public.cloud_resources AS stored ON stored.id = r.resource_id
WHERE cluster.kind = 'kubernetes_cluster' AND cluster.deleted_at IS NOT NULL
  AND (
    'k8s:' || cluster.provider_id = ANY (r.tags)
    OR stored.attrs ->> 'tag' = 'k8s:' || cluster.provider_id
    OR strpos(lower(r.name), cluster.provider_id) > 0
  )
ORDER BY r.resource_id, cluster.deleted_at DESC
