-- The statements of ledger.py, in the order in which it runs them. Parameters: :provider, :account,
-- :kind, :seen_at (start of the listing), :run_id, :named (the identity is a name, which another
-- account may use, too); others are named where they are used.

-- name: lock
-- By kind, not by account too: what DigitalOcean numbers is one thing in whatever account.
SELECT pg_advisory_xact_lock(hashtextextended('arcadia.ledger/' || :kind, 0));

-- name: superseded
SELECT EXISTS (
    SELECT FROM cloud_sync_runs
    WHERE provider = :provider AND account = :account AND kind = :kind
      -- One that is dated ahead of now is a clock's mistake, and supersedes nothing.
      AND started_at > :seen_at AND started_at <= clock_timestamp() AND rows_seen IS NOT NULL
);

-- name: create_listed
CREATE TEMP TABLE listed (
    ordinal integer NOT NULL,
    provider_id text NOT NULL,
    content_hash bytea NOT NULL,
    -- The project that the object names, by the API's id.
    project text
) ON COMMIT DROP;

-- name: analyze_listed
ANALYZE listed;

-- name: compare
-- Every sighting beside its row, if it has one. needs_row: only the whole sighting can tell.
CREATE TEMP TABLE compared ON COMMIT DROP AS
SELECT
    l.ordinal,
    l.provider_id,
    l.project,
    r.id AS resource_id,
    r.id IS NULL
        OR r.deleted_at IS NOT NULL
        OR r.content_hash IS DISTINCT FROM l.content_hash AS needs_row,
    -- A live row of another account is left alone; where the identity is a name, it is another thing.
    r.account IS DISTINCT FROM :account AND r.deleted_at IS NULL AND r.id IS NOT NULL AS is_foreign,
    r.account = :account AND r.deleted_at IS NULL AS is_live,
    CAST(:regions AS text[]) IS NULL OR coalesce(r.region, '') = ANY (:regions) AS is_asked
FROM listed AS l
LEFT JOIN cloud_resources AS r
    ON r.provider = :provider AND r.kind = :kind AND r.provider_id = l.provider_id
    AND (r.account = :account OR NOT CAST(:named AS boolean));

-- name: count_rows
-- :regions are those that were asked for, null for all: what lies outside is neither live nor missing
-- as far as this listing can say. Missing is counted as live less listed: looking up each live row
-- among the listed ones takes the square of their number where PostgreSQL does not know it yet.
SELECT
    listed.is_foreign,
    known.asked AS live,
    known.asked - listed.asked AS missing,
    known.others - listed.others AS outside
FROM (
    SELECT
        count(*) FILTER (WHERE is_foreign) AS is_foreign,
        count(*) FILTER (WHERE is_live AND is_asked) AS asked,
        count(*) FILTER (WHERE is_live AND NOT is_asked) AS others
    FROM compared
) AS listed
CROSS JOIN (
    SELECT
        count(*) FILTER (WHERE is_asked) AS asked,
        count(*) FILTER (WHERE NOT is_asked) AS others
    FROM (
        SELECT CAST(:regions AS text[]) IS NULL OR coalesce(region, '') = ANY (:regions) AS is_asked
        FROM cloud_resources
        WHERE provider = :provider AND account = :account AND kind = :kind AND deleted_at IS NULL
    ) AS live
) AS known;

-- name: place
-- What is new or differs: its row, whose id a new one is given here, and its project. That comes from
-- the projects' own listings, else from the object itself. has_digest is false where the object names
-- a project that is not known yet, so that the next listing is compared again.
CREATE TEMP TABLE placed ON COMMIT DROP AS
SELECT
    c.ordinal,
    c.provider_id,
    c.resource_id IS NULL AS is_new,
    coalesce(
        c.resource_id, nextval(pg_get_serial_sequence('cloud_resources', 'id'))
    ) AS resource_id,
    CASE WHEN m.listed_by = 'project' THEN m.project_id ELSE coalesce(p.id, m.project_id) END
        AS project_id,
    p.id AS own_project_id,
    (c.project IS NULL OR p.id IS NOT NULL OR m.listed_by = 'project') IS TRUE AS has_digest
FROM compared AS c
LEFT JOIN cloud_project_memberships AS m
    ON m.provider = :provider AND m.account = :account
    AND m.kind = :kind AND m.provider_id = c.provider_id AND m.valid_to IS NULL
LEFT JOIN cloud_projects AS p ON p.provider = :provider AND p.provider_id = c.project
WHERE c.needs_row AND NOT c.is_foreign;

-- name: placed
SELECT ordinal, is_new, resource_id, project_id, has_digest, own_project_id IS NOT NULL AS names_own
FROM placed
ORDER BY resource_id;

-- name: create_incoming
CREATE TEMP TABLE incoming (
    resource_id bigint NOT NULL,
    name text,
    region text,
    status text,
    size_slug text,
    tags text[] NOT NULL,
    created_at timestamptz,
    attrs jsonb NOT NULL,
    content_hash bytea
) ON COMMIT DROP;

-- name: describe_incoming
-- The sightings that have a row, completed: their project, and their fields as one object.
CREATE TEMP TABLE described ON COMMIT DROP AS
SELECT
    i.resource_id, i.name, i.region, i.status, i.size_slug, i.tags, i.created_at, i.attrs,
    CASE WHEN p.has_digest THEN i.content_hash END AS content_hash,
    p.project_id,
    i.attrs || jsonb_strip_nulls(jsonb_build_object(
        'name', i.name, 'region', i.region, 'status', i.status, 'size_slug', i.size_slug,
        'tags', nullif(to_jsonb(i.tags), '[]'), 'created_at', i.created_at
    )) AS fields
FROM incoming AS i
JOIN placed AS p USING (resource_id);

-- name: compare_fields
-- The fields that differ, for each sighting that has a row.
CREATE TEMP TABLE changed ON COMMIT DROP AS
SELECT
    r.id AS resource_id,
    r.deleted_at IS NOT NULL AS was_deleted,
    differing.changes
        || CASE WHEN r.deleted_at IS NULL THEN '{}' ELSE jsonb_build_object(
            'deleted_at', jsonb_build_object('from', r.deleted_at, 'to', NULL)
        ) END
        || CASE WHEN r.account = :account THEN '{}' ELSE jsonb_build_object(
            'account', jsonb_build_object('from', r.account, 'to', :account)
        ) END
        -- No project is no answer. One learnt for the first time is a change from null.
        || CASE WHEN d.project_id IS NULL OR d.project_id IS NOT DISTINCT FROM r.project_id
            THEN '{}' ELSE jsonb_build_object(
                'project_id', jsonb_build_object('from', r.project_id, 'to', d.project_id)
        ) END AS changes
FROM described AS d
JOIN cloud_resources AS r ON r.id = d.resource_id
CROSS JOIN LATERAL (
    SELECT coalesce(
        jsonb_object_agg(key, jsonb_build_object('from', was.value, 'to', now.value)), '{}'
    ) AS changes
    FROM jsonb_each(r.attrs || jsonb_strip_nulls(jsonb_build_object(
        'name', r.name, 'region', r.region, 'status', r.status, 'size_slug', r.size_slug,
        'tags', nullif(to_jsonb(r.tags), '[]'), 'created_at', r.created_at
    ))) AS was
    FULL JOIN jsonb_each(d.fields) AS now USING (key)
    WHERE was.value IS DISTINCT FROM now.value
) AS differing;

-- name: blanked
-- Fields that many rows had (:blanked_from) and that no row of the listing has any more: a token
-- that lost a scope looks like this. :dropped are those that this release stopped storing, and those
-- that the listing says nothing of.
WITH emptied AS MATERIALIZED (
    SELECT change.key, count(*) AS rows_had_it
    FROM changed
    CROSS JOIN LATERAL jsonb_each(changed.changes) AS change
    WHERE NOT changed.was_deleted AND change.value -> 'to' = 'null'
    GROUP BY change.key
    HAVING count(*) >= :blanked_from AND change.key <> ALL (CAST(:dropped AS text[]))
)
SELECT e.key, e.rows_had_it
FROM emptied AS e
WHERE NOT EXISTS (SELECT FROM described AS d WHERE d.fields ? e.key)
  AND NOT EXISTS (
    SELECT FROM compared AS c
    JOIN cloud_resources AS r ON r.id = c.resource_id
    WHERE NOT c.needs_row
      AND (r.attrs || jsonb_strip_nulls(jsonb_build_object(
          'name', r.name, 'region', r.region, 'status', r.status, 'size_slug', r.size_slug,
          'tags', nullif(to_jsonb(r.tags), '[]'), 'created_at', r.created_at
      ))) ? e.key
  );

-- name: withhold
-- Put the stored values of the :withheld fields back into the sightings. No digest, so that the
-- next listing is compared again.
UPDATE described AS d
SET name = CASE WHEN 'name' = ANY (CAST(:withheld AS text[])) THEN r.name ELSE d.name END,
    region = CASE WHEN 'region' = ANY (CAST(:withheld AS text[])) THEN r.region ELSE d.region END,
    status = CASE WHEN 'status' = ANY (CAST(:withheld AS text[])) THEN r.status ELSE d.status END,
    size_slug = CASE
        WHEN 'size_slug' = ANY (CAST(:withheld AS text[])) THEN r.size_slug ELSE d.size_slug
    END,
    tags = CASE WHEN 'tags' = ANY (CAST(:withheld AS text[])) THEN r.tags ELSE d.tags END,
    created_at = CASE
        WHEN 'created_at' = ANY (CAST(:withheld AS text[])) THEN r.created_at ELSE d.created_at
    END,
    attrs = d.attrs || coalesce((
        SELECT jsonb_object_agg(kept.key, kept.value)
        FROM jsonb_each(r.attrs) AS kept
        WHERE kept.key = ANY (CAST(:withheld AS text[]))
    ), '{}'),
    content_hash = NULL
FROM cloud_resources AS r
WHERE r.id = d.resource_id;

-- name: withhold_changes
UPDATE changed SET changes = changes - CAST(:withheld AS text[]);

-- name: appeared
-- Fields of `attrs` that no live row had and that at least :appeared_from rows, and this :share of
-- those that were listed, have now: the API began to tell them. A field with a column of its own is
-- people's: tags that everything got at once are a change of each.
CREATE TEMP TABLE appeared ON COMMIT DROP AS
WITH gained AS MATERIALIZED (
    SELECT change.key, count(*) AS rows, min(jsonb_typeof(change.value -> 'to')) AS example_type
    FROM changed
    CROSS JOIN LATERAL jsonb_each(changed.changes) AS change
    WHERE NOT changed.was_deleted AND change.value -> 'from' = 'null'
      AND change.key <> ALL (ARRAY[
        'account', 'name', 'region', 'status', 'size_slug', 'tags', 'project_id', 'created_at',
        'deleted_at'
      ])
    GROUP BY change.key
    HAVING count(*) >= :appeared_from
)
SELECT g.key, g.rows, g.example_type
FROM gained AS g
WHERE g.rows >= :share * (
    SELECT count(*) FROM compared AS c JOIN cloud_resources AS r ON r.id = c.resource_id
    WHERE r.deleted_at IS NULL AND NOT c.is_foreign
  )
  AND NOT EXISTS (
    SELECT FROM cloud_resources AS r
    WHERE r.provider = :provider AND r.account = :account AND r.kind = :kind
      AND r.deleted_at IS NULL AND r.attrs ? g.key
  );

-- name: record_appeared
-- One event for all rows, each with the value that it took, so that the past can be told. Gives the
-- fields and how many rows have each.
WITH told AS (
    INSERT INTO cloud_schema_events (
        provider, account, kind, field, occurred_at, rows, example_type, run_id
    )
    SELECT :provider, :account, :kind, key, :seen_at, rows, example_type, :run_id
    FROM appeared ORDER BY key
    RETURNING id, field, rows
), took AS (
    INSERT INTO cloud_schema_event_rows (schema_event_id, resource_id, value)
    SELECT t.id, c.resource_id, c.changes -> t.field -> 'to'
    FROM told AS t
    JOIN changed AS c ON c.changes ? t.field AND NOT c.was_deleted
)
SELECT field, rows FROM told ORDER BY field;

-- name: appeared_changes
UPDATE changed SET changes = changes - CAST(:fields AS text[]) WHERE NOT was_deleted;

-- name: leave_out_new
DELETE FROM placed WHERE is_new;

-- name: update
WITH applied AS (
    UPDATE cloud_resources AS r
    SET account = :account, name = d.name, region = d.region, status = d.status,
        size_slug = d.size_slug, tags = d.tags, attrs = d.attrs, created_at = d.created_at,
        project_id = coalesce(d.project_id, r.project_id), content_hash = d.content_hash,
        last_seen_at = :seen_at, stale_strike_count = 0, struck_at = NULL, deleted_at = NULL
    FROM described AS d
    JOIN changed AS c USING (resource_id)
    WHERE r.id = d.resource_id
    RETURNING r.id, c.was_deleted, c.changes
), logged AS (
    INSERT INTO cloud_resource_events (account, resource_id, event, occurred_at, changes, run_id)
    SELECT
        :account, id,
        CASE
            WHEN was_deleted THEN 'restored'
            WHEN changes - 'tags' = '{}' THEN 'tagged'
            ELSE 'updated'
        END,
        :seen_at, changes, :run_id
    FROM applied
    WHERE was_deleted OR changes <> '{}'
    RETURNING event
)
SELECT
    count(*) FILTER (WHERE event <> 'restored') AS updated,
    count(*) FILTER (WHERE event = 'restored') AS restored
FROM logged;

-- name: leave_own_project
-- The object names another project. Only what objects told ends by this: a project's own list is
-- right where both answer. One of another account ends too, for the resource is this one's by now.
UPDATE cloud_project_memberships AS m
SET valid_to = greatest(CAST(:seen_at AS timestamptz), m.valid_from)
FROM placed AS p
WHERE m.provider = :provider AND m.kind = :kind AND m.provider_id = p.provider_id
  AND m.valid_to IS NULL AND p.own_project_id IS NOT NULL
  AND CASE WHEN m.account = :account
    THEN m.listed_by = 'object' AND m.project_id <> p.own_project_id
    ELSE NOT CAST(:named AS boolean) END;

-- name: enter_own_project
INSERT INTO cloud_project_memberships (
    provider, account, kind, provider_id, project_id, listed_by, valid_from
)
SELECT :provider, :account, :kind, p.provider_id, p.own_project_id, 'object', :seen_at
FROM placed AS p
WHERE p.own_project_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM cloud_project_memberships AS m
    WHERE m.provider = :provider AND m.kind = :kind AND m.provider_id = p.provider_id
      AND m.valid_to IS NULL AND m.account = :account
);

-- name: touch
-- All that an unchanged resource costs.
UPDATE cloud_resources AS r
SET last_seen_at = :seen_at, stale_strike_count = 0, struck_at = NULL
FROM compared AS c
WHERE r.id = c.resource_id AND NOT c.needs_row AND NOT c.is_foreign;

-- name: strike
-- At most one in :between, by the database's clock: three listings within seconds are one outage. A
-- strike that is dated ahead of now is a clock's mistake, and holds up none.
WITH struck AS (
    UPDATE cloud_resources AS r
    SET stale_strike_count = r.stale_strike_count + 1, struck_at = clock_timestamp(),
        deleted_at = CASE WHEN r.stale_strike_count + 1 >= :strikes THEN :seen_at END
    WHERE r.provider = :provider AND r.account = :account AND r.kind = :kind
      AND r.deleted_at IS NULL
      AND NOT EXISTS (SELECT FROM listed AS l WHERE l.provider_id = r.provider_id)
      AND (CAST(:regions AS text[]) IS NULL OR coalesce(r.region, '') = ANY (:regions))
      AND coalesce(
        r.struck_at NOT BETWEEN clock_timestamp() - CAST(:between AS interval) AND clock_timestamp(),
        true
      )
    RETURNING r.id, r.provider_id, r.deleted_at
), logged AS (
    INSERT INTO cloud_resource_events (account, resource_id, event, occurred_at, changes, run_id)
    SELECT :account, id, 'deleted', :seen_at, jsonb_build_object(
        'deleted_at', jsonb_build_object('from', NULL, 'to', deleted_at)
    ), :run_id
    FROM struck
    WHERE deleted_at IS NOT NULL
    RETURNING 1
), left_project AS (
    -- What a project's own list shows is ended by that list.
    UPDATE cloud_project_memberships AS m
    SET valid_to = greatest(CAST(:seen_at AS timestamptz), m.valid_from)
    FROM struck AS s
    WHERE s.deleted_at IS NOT NULL AND m.provider = :provider AND m.account = :account
      AND m.kind = :kind AND m.provider_id = s.provider_id AND m.valid_to IS NULL
      AND m.listed_by = 'object'
    RETURNING 1
)
SELECT (SELECT count(*) FROM struck) AS struck, (SELECT count(*) FROM logged) AS deleted;

-- name: loss_confirmed
SELECT EXISTS (
    SELECT FROM cloud_loss_confirmations
    WHERE provider = :provider AND account = :account AND kind = :kind AND valid_until > :seen_at
);

-- name: end_confirmation
UPDATE cloud_loss_confirmations
SET valid_until = :seen_at
WHERE provider = :provider AND account = :account AND kind = :kind AND valid_until > :seen_at;

-- name: clear
-- One transaction may record several kinds.
DROP TABLE listed, compared, placed;

-- name: clear_changes
DROP TABLE incoming, described, changed, appeared;
