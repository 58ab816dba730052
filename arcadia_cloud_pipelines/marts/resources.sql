/*
comment = """
What runs, with project, tenant, age, cost, and whether it is managed? One row a live resource.
"""
grain = ["resource_id"]
example = """
SELECT kind, count(*), sum(monthly_amount) FROM marts.resources
GROUP BY kind ORDER BY 3 DESC NULLS LAST
"""
[columns]
region = "Region slug, such as fra1; of what lies in several, such as a snapshot, all of them: fra1, nyc3. Null for what has none."
provider_id = "DigitalOcean's identity of it."
status = "The provider's word for its state."
size_slug = "The plan it is billed by, where it has one."
tags = "Tags, sorted. Of firewalls and alert policies they name the targets."
created_at = "When the provider made it. Null where it never says."
first_seen_at = "The first listing that held it."
age_days = "Whole days since it was made, or first seen where nobody says when it was made."
monthly_amount = "US dollars in the last closed month. Null where that month has no line of it."
is_managed = "True when it has a desired state, so that drift can be seen."
is_platform_owned = "True when DigitalOcean made it for something else, such as the workers of a cluster."
is_billable = "True when its kind costs money by itself and it is no part of another resource."
part_of = "The resource that it is a part of: cloud_resources.id. Null for wholes."
*/
WITH fresh AS MATERIALIZED (
    -- Made once: a plan that looks it up for each resource takes seconds.
    SELECT f.account, f.source, f.as_of, f.complete FROM marts.freshness AS f
)
SELECT
    r.account,
    r.id AS resource_id,
    r.kind,
    r.provider_id,
    r.name,
    coalesce(r.region, (
        -- Snapshots and images lie in several.
        SELECT string_agg(place.slug, ', ' ORDER BY place.slug)
        FROM jsonb_array_elements_text(
            CASE jsonb_typeof(r.attrs -> 'regions') WHEN 'array' THEN r.attrs -> 'regions' END
        ) AS place (slug)
    )) AS region,
    r.status,
    r.size_slug,
    r.tags,
    r.project_id,
    p.name AS project_name,
    p.tenant_id,
    r.created_at,
    r.first_seen_at,
    CAST(extract(epoch FROM now() - coalesce(r.created_at, r.first_seen_at)) AS bigint) / 86400
        AS age_days,
    cost.monthly_amount,
    'USD' AS currency,
    spec.id IS NOT NULL AS is_managed,
    coalesce(free.is_platform_owned, false) AS is_platform_owned,
    coalesce(k.is_billed_alone, false) AND whole.id IS NULL AS is_billable,
    whole.id AS part_of,
    f.as_of,
    coalesce(f.complete, false) AS complete
FROM public.cloud_resources AS r
LEFT JOIN marts.kinds AS k ON k.kind = r.kind
LEFT JOIN public.cloud_projects AS p ON p.id = r.project_id
LEFT JOIN public.cloud_provisioned AS spec ON spec.resource_id = r.id
LEFT JOIN public.cloud_unmanaged_resources AS free ON free.resource_id = r.id
LEFT JOIN marts.monthly_amounts AS cost ON cost.resource_id = r.id
LEFT JOIN fresh AS f ON f.account = r.account AND f.source = r.kind
LEFT JOIN public.cloud_resources AS whole
    ON whole.provider = r.provider AND whole.kind = k.part_of
    AND whole.provider_id = r.attrs #>> string_to_array(k.part_path, '.')
WHERE r.deleted_at IS NULL
