-- The statements of sweep.py, in the order in which it runs them.

-- name: kinds
-- The newest sync of every kind that has specs or open records.
WITH concerned AS (
    SELECT r.account, r.kind, count(s.id) AS specs
    FROM cloud_resources AS r
    LEFT JOIN cloud_provisioned AS s ON s.resource_id = r.id
    WHERE s.id IS NOT NULL
        OR r.id IN (SELECT resource_id FROM cloud_drift WHERE status = 'open')
    GROUP BY r.account, r.kind
)
SELECT c.account, c.kind, c.specs, newest.started_at,
    coalesce(newest.complete, false) AS complete,
    coalesce(newest.implausible, false) AS implausible,
    coalesce(newest.withheld, '{}') AS withheld
FROM concerned AS c
CROSS JOIN (
    SELECT min(account) = max(account) AS is_alone FROM cloud_resources WHERE deleted_at IS NULL
) AS alone
LEFT JOIN LATERAL (
    SELECT s.started_at, s.complete, s.implausible, s.withheld
    FROM cloud_sync_runs AS s
    -- A sync that failed before it knew its account counts against the account, where there is one.
    WHERE s.kind = c.kind AND (s.account = c.account OR s.account IS NULL AND alone.is_alone)
    ORDER BY s.started_at DESC, s.id DESC
    LIMIT 1
) AS newest ON true
ORDER BY c.account, c.kind;

-- name: newest
-- The newest sync of one kind for each of :accounts.
SELECT a.account, newest.started_at, coalesce(newest.complete, false) AS complete,
    coalesce(newest.implausible, false) AS implausible
FROM unnest(CAST(:accounts AS text[])) AS a (account)
LEFT JOIN LATERAL (
    SELECT started_at, complete, implausible
    FROM cloud_sync_runs AS s
    WHERE s.kind = :kind AND (s.account = a.account OR s.account IS NULL)
    ORDER BY s.started_at DESC, s.id DESC
    LIMIT 1
) AS newest ON true;

-- name: few_differ
-- The planner cannot know that hardly any row comes through, and would not share the work; nor that
-- there are few pairs of values, and would sort whole rows to find them.
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL enable_sort = off;
SET LOCAL enable_incremental_sort = off;

-- name: different
-- Every field of every spec that is not equal to the letter, each pair of values once: it is judged
-- once, for all resources that have it. Of a resource that is gone only that is compared. Plain
-- joins, so that the planner may use several processes.
SELECT account, kind, field, terraform,
    CAST(nullif(desired, 'null') AS text) AS desired, CAST(actual AS text) AS actual,
    array_agg(id) AS ids
FROM (
    SELECT r.account, r.kind, r.id, f.key AS field, f.value AS desired, live.value AS actual,
        s.source_spec <> '{}' AND EXISTS (
            SELECT FROM jsonb_each(s.source_spec) AS source
            WHERE source.key LIKE 'terraform/%' AND source.value ? f.key
        ) AS terraform
    FROM cloud_provisioned AS s
    JOIN cloud_resources AS r ON r.id = s.resource_id
    LEFT JOIN cloud_projects AS p ON p.id = r.project_id
    CROSS JOIN LATERAL jsonb_each(
        CASE WHEN r.deleted_at IS NULL THEN s.spec
        ELSE jsonb_build_object('deleted_at', s.spec -> 'deleted_at') END
    ) AS f
    CROSS JOIN LATERAL (SELECT cloud_live_value(r, p, f.key) AS value) AS live
    -- Most are the same to the letter: that is asked first, for it is a tenth of the work.
    WHERE live.value IS DISTINCT FROM f.value
        AND CASE WHEN live.value IN ('null', '""', '[]', '{}') THEN NULL ELSE live.value END
        IS DISTINCT FROM
        CASE WHEN f.value IN ('null', '""', '[]', '{}') THEN NULL ELSE f.value END
) AS differing
GROUP BY account, kind, field, terraform, desired, actual;

-- name: names
SELECT id, name FROM cloud_resources WHERE id = ANY (:ids);

-- name: successors
-- What was made in place of resources that are gone: destroyed and recreated is another id and the
-- same name. It came into being after the gone one was last seen, so no listing ever showed both.
-- Two of them, or one that two gone ones could claim, are nobody's successor.
WITH candidates AS (
    SELECT r.id, n.id AS successor_id,
        count(*) OVER (PARTITION BY r.id) AS found,
        count(*) OVER (PARTITION BY n.id) AS claimed
    FROM cloud_provisioned AS s
    JOIN cloud_resources AS r ON r.id = s.resource_id
    JOIN cloud_resources AS n ON n.account = r.account AND n.kind = r.kind
        AND lower(n.name) = lower(r.name) AND n.deleted_at IS NULL
        AND n.first_seen_at > r.last_seen_at
        AND coalesce(n.created_at, n.first_seen_at) > r.last_seen_at
    WHERE r.deleted_at IS NOT NULL
      -- That this one is gone was accepted: it claims nothing any more.
      AND coalesce(s.spec -> 'deleted_at', 'null') = 'null'
)
SELECT id, successor_id FROM candidates WHERE found = 1 AND claimed = 1;

-- name: opened
SELECT r.account, r.kind, r.name, r.id, d.field, d.id AS drift_id, d.desired, d.actual,
    d.successor_id, d.severity
FROM cloud_drift AS d
JOIN cloud_resources AS r ON r.id = d.resource_id
WHERE d.status = 'open';

-- name: create_changes
CREATE TEMP TABLE drift_changes (
    verb text NOT NULL,
    drift_id bigint,
    resource_id bigint NOT NULL,
    field text NOT NULL,
    desired jsonb,
    actual jsonb,
    successor_id bigint,
    severity text,
    reason text
) ON COMMIT DROP;

-- name: close
UPDATE cloud_drift AS d
SET status = 'stale', resolved_at = :at, resolved_by = 'sweep', resolution = c.reason
FROM drift_changes AS c
WHERE c.verb = 'close' AND d.id = c.drift_id;

-- name: move
UPDATE cloud_drift AS d
SET desired = c.desired, actual = c.actual, successor_id = c.successor_id, severity = c.severity,
    -- Another release may judge otherwise: the difference itself has not moved.
    changed_at = CASE WHEN (d.desired, d.actual, d.successor_id)
        IS NOT DISTINCT FROM (c.desired, c.actual, c.successor_id) THEN d.changed_at ELSE :at END
FROM drift_changes AS c
WHERE c.verb = 'move' AND d.id = c.drift_id;

-- name: open
WITH opened AS (
    INSERT INTO cloud_drift
        (account, resource_id, field, desired, actual, detected_at, changed_at, successor_id,
         severity, run_id)
    SELECT r.account, c.resource_id, c.field, c.desired, c.actual, :at, :at, c.successor_id,
        c.severity, :run_id
    FROM drift_changes AS c
    JOIN cloud_resources AS r ON r.id = c.resource_id
    WHERE c.verb = 'open'
    ORDER BY c.resource_id, c.field COLLATE "C"
    RETURNING account, resource_id, field, desired, actual
)
INSERT INTO cloud_resource_events (account, resource_id, event, occurred_at, changes, run_id)
SELECT account, resource_id, 'drift_detected', :at,
    jsonb_build_object(field, jsonb_build_object('from', desired, 'to', actual)), :run_id
FROM opened;

-- name: count_open
SELECT count(*) FROM cloud_drift WHERE status = 'open';
