/*
comment = """
Which live resources lack a tag, or a key that the tag policy wants? One row a resource that has no
tag at all, lacks a key, or has a value that is not allowed; of kinds that can carry tags, without
what the platform made by itself. Without a policy (ARCADIA_TAG_POLICY) those without a tag alone.
"""
grain = ["resource_id"]
example = """
SELECT kind, missing_keys, bad_tags, count(*), sum(monthly_amount) FROM marts.untagged_resources
GROUP BY kind, missing_keys, bad_tags ORDER BY 5 DESC NULLS LAST
"""
[columns]
provider_id = "DigitalOcean's identity of it."
tags = "Its tags, sorted."
missing_keys = "Keys that the policy wants and no tag has, in lower case and sorted. Empty where none is missing."
bad_tags = "Tags whose key the policy knows and whose value it does not allow, sorted. Empty where there is none."
monthly_amount = "US dollars in the last closed month. Null where that month has no line of it."
*/
SELECT
    r.account, r.resource_id, r.kind, r.provider_id, r.name, r.region, r.tags,
    policy.missing_keys, policy.bad_tags, r.project_id, r.project_name, r.tenant_id,
    r.monthly_amount, r.currency, r.as_of, r.complete
FROM marts.resources AS r
JOIN marts.kinds AS k ON k.kind = r.kind AND k.is_taggable
LEFT JOIN public.cloud_projects AS p ON p.id = r.project_id
CROSS JOIN LATERAL (
    SELECT
        coalesce(
            array_agg(DISTINCT t.tag_key ORDER BY t.tag_key) FILTER (WHERE has.tag IS NULL), '{}'
        ) AS missing_keys,
        coalesce(
            array_agg(DISTINCT has.tag ORDER BY has.tag) FILTER (
                WHERE NOT lower(substr(has.tag, length(t.tag_key) + 2)) = ANY (t.allowed_values)
            ), '{}'
        ) AS bad_tags
    FROM public.cloud_tag_policy AS t
    LEFT JOIN LATERAL unnest(r.tags) AS has (tag)
        ON lower(split_part(has.tag, ':', 1)) = t.tag_key
    WHERE (t.account IS NULL OR t.account = r.account)
      AND (t.kinds IS NULL OR r.kind = ANY (t.kinds))
      AND (t.tenant_id IS NULL OR t.tenant_id = r.tenant_id)
      AND (t.project IS NULL OR lower(t.project) IN (lower(p.name), lower(p.provider_id)))
) AS policy
WHERE NOT r.is_platform_owned
  AND (r.tags = '{}' OR policy.missing_keys <> '{}' OR policy.bad_tags <> '{}')
