-- The statements of accept.py.

-- name: read
SELECT d.resource_id, r.kind, d.field, d.desired, d.actual, d.status, d.resolved_at, d.resolved_by,
    d.successor_id, coalesce(r.name, r.provider_id) AS name, s.spec_version,
    cloud_live_value(r, p, d.field) AS live
FROM cloud_drift AS d
JOIN cloud_resources AS r ON r.id = d.resource_id
LEFT JOIN cloud_projects AS p ON p.id = r.project_id
LEFT JOIN cloud_provisioned AS s ON s.resource_id = d.resource_id
WHERE d.id = :id
FOR UPDATE OF d;

-- name: accept
-- :live is the value in JSON, or null for nothing.
WITH closed AS (
    UPDATE cloud_drift
    SET status = 'accepted', actual = CAST(:live AS jsonb), resolved_at = :at,
        resolved_by = :actor, resolution = coalesce(:reason, 'accepted')
    WHERE id = :id
    RETURNING id, account, resource_id, field, desired
), before AS (
    SELECT s.resource_id, s.spec FROM cloud_provisioned AS s JOIN closed AS c USING (resource_id)
), changed AS (
    UPDATE cloud_provisioned AS s
    SET spec = s.spec
            || jsonb_build_object(c.field, coalesce(CAST(:live AS jsonb), 'null')),
        spec_version = s.spec_version + 1,
        updated_at = :at
    FROM closed AS c
    WHERE s.resource_id = c.resource_id
    RETURNING s.account, s.resource_id, s.spec, s.spec_version
), logged AS (
    INSERT INTO cloud_provisioned_history
        (account, resource_id, spec_version, source, actor, reason, recorded_at, before, after)
    SELECT n.account, n.resource_id, n.spec_version, 'accepted', :actor, :reason, :at, b.spec, n.spec
    FROM changed AS n JOIN before AS b USING (resource_id)
), decided AS (
    INSERT INTO cloud_drift_decisions (
        account, drift_id, resource_id, field, decision, actor, reason, decided_at, before, after,
        spec_version
    )
    SELECT c.account, c.id, c.resource_id, c.field, 'accepted', :actor, :reason, :at, c.desired,
        CAST(:live AS jsonb), n.spec_version
    FROM closed AS c JOIN changed AS n USING (resource_id)
    RETURNING spec_version
)
SELECT spec_version FROM decided;

-- name: hand_over
-- The resource that was made in place of a gone one gets its spec, unless it has one.
WITH given AS (
    INSERT INTO cloud_provisioned
        (account, resource_id, spec, provisioned_by, reason, source, created_at, updated_at)
    SELECT n.account, d.successor_id, s.spec - 'deleted_at', :actor, :reason, s.source, :at, :at
    FROM cloud_drift AS d JOIN cloud_provisioned AS s USING (resource_id)
    JOIN cloud_resources AS n ON n.id = d.successor_id AND n.deleted_at IS NULL
    WHERE d.id = :id
    ON CONFLICT (resource_id) DO NOTHING
    RETURNING account, resource_id, spec, spec_version
)
INSERT INTO cloud_provisioned_history
    (account, resource_id, spec_version, source, actor, reason, recorded_at, before, after)
SELECT account, resource_id, spec_version, 'accepted', :actor, :reason, :at, NULL, spec FROM given;
