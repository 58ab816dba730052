-- The statements of memberships.py, in the order in which it runs them. Parameters: :provider,
-- :account, :seen_at (start of the listing), :run_id, :named (kinds whose identity is a name, which
-- another account may use, too); others are named where they are used.

-- name: create_members
CREATE TEMP TABLE listed_members (
    urn text NOT NULL,
    kind text NOT NULL,
    provider_id text NOT NULL,
    project text NOT NULL,
    assigned_at timestamptz
) ON COMMIT DROP;

-- name: resolve_members
-- A resource that moved while the projects were read shows in two: the later assignment holds.
CREATE TEMP TABLE members ON COMMIT DROP AS
SELECT DISTINCT ON (l.kind, l.provider_id)
    l.urn, l.kind, l.provider_id, p.id AS project_id, l.assigned_at
FROM listed_members AS l
JOIN cloud_projects AS p
    ON p.provider = :provider AND p.account = :account AND p.provider_id = l.project
ORDER BY l.kind, l.provider_id, l.assigned_at DESC NULLS LAST, l.project;

-- name: lock_kinds
-- Rows of these kinds are about to change: take turns with their own syncs, always in this order.
SELECT pg_advisory_xact_lock(hashtextextended('arcadia.ledger/' || k.kind, 0))
FROM (
    SELECT kind FROM members
    UNION SELECT unnest(CAST(:kinds AS text[]))
    UNION SELECT kind FROM cloud_project_memberships
    WHERE provider = :provider AND account = :account AND valid_to IS NULL
    ORDER BY kind
) AS k;

-- name: unknown_urns
SELECT provider_id FROM cloud_resources
WHERE provider = :provider AND account = :account AND kind = 'unknown';

-- name: leave_unknown
-- Rows of kind unknown whose urn (:urns) this release knows as a resource of :kinds and :identities.
-- They end here and not by strikes: what they stand for is listed by its own kind, and nothing is to
-- be counted twice. Their events stay; the row of the kind gets the day on which it was first seen.
WITH known AS (
    SELECT * FROM unnest(
        CAST(:urns AS text[]), CAST(:kinds AS text[]), CAST(:identities AS text[])
    ) AS k (urn, kind, identity)
), left_unknown AS (
    UPDATE cloud_resources AS r
    SET deleted_at = :seen_at
    FROM known AS k
    WHERE r.provider = :provider AND r.account = :account AND r.kind = 'unknown'
      AND r.provider_id = k.urn AND r.deleted_at IS NULL
    RETURNING r.id, r.deleted_at
), logged AS (
    INSERT INTO cloud_resource_events (account, resource_id, event, occurred_at, changes, run_id)
    SELECT :account, id, 'deleted', :seen_at, jsonb_build_object(
        'deleted_at', jsonb_build_object('from', NULL, 'to', deleted_at)
    ), :run_id
    FROM left_unknown
    RETURNING 1
), closed AS (
    UPDATE cloud_project_memberships AS m
    SET valid_to = greatest(CAST(:seen_at AS timestamptz), m.valid_from)
    FROM known AS k
    WHERE m.provider = :provider AND m.account = :account AND m.kind = 'unknown'
      AND m.provider_id = k.urn AND m.valid_to IS NULL
    RETURNING 1
), handed_over AS (
    UPDATE cloud_resources AS r
    SET first_seen_at = u.first_seen_at
    FROM known AS k
    JOIN cloud_resources AS u
        ON u.provider = :provider AND u.account = :account AND u.kind = 'unknown'
        AND u.provider_id = k.urn
    WHERE r.provider = :provider AND r.account = :account
      AND r.kind = k.kind AND r.provider_id = k.identity AND r.first_seen_at > u.first_seen_at
    RETURNING 1
)
SELECT (SELECT count(*) FROM logged) AS left_unknown, (SELECT count(*) FROM handed_over) AS handed;

-- name: close_moved
-- Those of another account too, where the resource is this one's by now: it would keep its project
-- there for ever.
UPDATE cloud_project_memberships AS m
SET valid_to = greatest(CAST(:seen_at AS timestamptz), m.valid_from)
FROM members AS l
WHERE m.provider = :provider AND m.valid_to IS NULL
  AND m.kind = l.kind AND m.provider_id = l.provider_id AND m.project_id <> l.project_id
  AND (m.account = :account OR m.kind <> ALL (CAST(:named AS text[])) AND EXISTS (
    SELECT FROM cloud_resources AS r
    WHERE r.provider = :provider AND r.account = :account
      AND r.kind = l.kind AND r.provider_id = l.provider_id
  ));

-- name: close_gone
-- Only for projects whose list was read whole (:read), and only for kinds of which something is
-- left: the API leaves out what the token may not see, without an error. What only the objects say
-- (listed_by) no list can end. The resources lose their digest: where the object itself names a
-- project, its next listing says so.
WITH gone AS (
    SELECT m.id, m.kind
    FROM cloud_project_memberships AS m
    WHERE m.provider = :provider AND m.account = :account AND m.valid_to IS NULL
      AND m.listed_by = 'project'
      AND m.project_id IN (
        SELECT id FROM cloud_projects
        WHERE provider = :provider AND provider_id = ANY (CAST(:read AS text[]))
      )
      AND NOT EXISTS (
        SELECT FROM members AS l WHERE l.kind = m.kind AND l.provider_id = m.provider_id
      )
), plausible AS (
    SELECT o.kind
    FROM cloud_project_memberships AS o
    WHERE o.provider = :provider AND o.account = :account AND o.valid_to IS NULL
      AND o.listed_by = 'project'
    GROUP BY o.kind
    HAVING count(*) < :at_least
        OR (SELECT count(*) FROM gone AS g WHERE g.kind = o.kind) <= :share * count(*)
), closed AS (
    UPDATE cloud_project_memberships AS m
    SET valid_to = :seen_at
    FROM gone
    WHERE m.id = gone.id AND gone.kind IN (SELECT kind FROM plausible)
    RETURNING m.kind, m.provider_id
)
UPDATE cloud_resources AS r
SET content_hash = NULL
FROM closed AS c
WHERE r.provider = :provider AND r.account = :account AND r.deleted_at IS NULL
  AND r.kind = c.kind AND r.provider_id = c.provider_id;

-- name: take_over
-- A project's own list confirms what so far only the object said: from now on the list answers.
UPDATE cloud_project_memberships AS m
SET listed_by = 'project', urn = l.urn, assigned_at = l.assigned_at
FROM members AS l
WHERE m.provider = :provider AND m.account = :account AND m.valid_to IS NULL
  AND m.kind = l.kind AND m.provider_id = l.provider_id AND m.project_id = l.project_id
  AND m.listed_by = 'object';

-- name: open
INSERT INTO cloud_project_memberships (
    provider, account, urn, kind, provider_id, project_id, assigned_at, valid_from
)
SELECT :provider, :account, l.urn, l.kind, l.provider_id, l.project_id, l.assigned_at, :seen_at
FROM members AS l
WHERE NOT EXISTS (
    SELECT FROM cloud_project_memberships AS m
    WHERE m.provider = :provider AND m.kind = l.kind AND m.provider_id = l.provider_id
      AND m.valid_to IS NULL
      AND (m.account = :account OR m.kind <> ALL (CAST(:named AS text[])))
);

-- name: attribute
-- Give every resource the project it is in. One learnt for the first time is a change from null.
WITH moved AS (
    UPDATE cloud_resources AS r
    SET project_id = l.project_id
    FROM members AS l, cloud_resources AS was
    WHERE r.provider = :provider AND r.account = :account
      AND r.kind = l.kind AND r.provider_id = l.provider_id
      AND r.project_id IS DISTINCT FROM l.project_id AND was.id = r.id
    RETURNING r.id, was.project_id AS from_project, r.project_id AS to_project
), logged AS (
    INSERT INTO cloud_resource_events (account, resource_id, event, occurred_at, changes, run_id)
    SELECT :account, id, 'updated', :seen_at, jsonb_build_object(
        'project_id', jsonb_build_object('from', from_project, 'to', to_project)
    ), :run_id
    FROM moved
    RETURNING 1
)
SELECT count(*) AS attributed FROM logged;
