-- The statements of policy.py, in the order in which it runs them.

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('arcadia.tag_policy', 0));

-- name: create_read
CREATE TEMP TABLE read_policy ON COMMIT DROP AS
SELECT tag_key, allowed_values, kinds, project, tenant_id, account
FROM cloud_tag_policy WITH NO DATA;

-- name: delete_gone
DELETE FROM cloud_tag_policy AS p
WHERE NOT EXISTS (
    SELECT FROM read_policy AS r
    WHERE (r.tag_key, r.allowed_values, r.kinds, r.project, r.tenant_id, r.account)
        IS NOT DISTINCT FROM
        (p.tag_key, p.allowed_values, p.kinds, p.project, p.tenant_id, p.account)
);

-- name: insert_new
INSERT INTO cloud_tag_policy (tag_key, allowed_values, kinds, project, tenant_id, account)
SELECT tag_key, allowed_values, kinds, project, tenant_id, account FROM read_policy
EXCEPT
SELECT tag_key, allowed_values, kinds, project, tenant_id, account FROM cloud_tag_policy;

-- name: broken
SELECT r.account, r.kind, r.name, r.missing_keys, r.bad_tags, r.monthly_amount,
    count(*) OVER () AS resources,
    sum(r.monthly_amount) OVER () AS amount
FROM marts.untagged_resources AS r
WHERE r.missing_keys <> '{}' OR r.bad_tags <> '{}'
ORDER BY r.monthly_amount DESC NULLS LAST, r.kind, r.name, r.resource_id
LIMIT :most;
