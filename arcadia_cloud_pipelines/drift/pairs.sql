-- The statements of pairs.py, in the order in which it runs them.

-- name: opened
SELECT r.account, r.kind, r.name, r.id, d.field, d.id AS drift_id, d.desired, d.actual,
    d.successor_id, d.severity
FROM cloud_drift AS d
JOIN cloud_resources AS r ON r.id = d.resource_id
WHERE d.status = 'open';

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
