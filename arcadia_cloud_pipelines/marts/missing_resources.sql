/*
comment = """
What is desired and is not there? One row a deleted resource with a desired state. Kinds whose
newest listing was not complete are left out: absence of an answer is no answer.
"""
grain = ["resource_id"]
example = "SELECT kind, name, gone_since, provisioned_by FROM marts.missing_resources ORDER BY gone_since"
[columns]
provider_id = "DigitalOcean's identity of it."
gone_since = "When the third complete listing in a row lacked it."
provisioned_by = "Who recorded the desired state."
source = "Where the desired state came from: manual, adopted, or terraform/<lineage>."
successor_id = "The live resource that was made in its place, where there is one: cloud_resources.id."
*/
SELECT
    r.account,
    r.id AS resource_id,
    r.kind,
    r.provider_id,
    r.name,
    r.region,
    r.project_id,
    r.deleted_at AS gone_since,
    s.provisioned_by,
    s.source,
    d.successor_id,
    f.as_of,
    f.complete
FROM public.cloud_provisioned AS s
JOIN public.cloud_resources AS r ON r.id = s.resource_id AND r.deleted_at IS NOT NULL
JOIN marts.freshness AS f ON f.account = r.account AND f.source = r.kind AND f.complete
LEFT JOIN public.cloud_drift AS d
    ON d.resource_id = r.id AND d.field = 'deleted_at' AND d.status = 'open'
