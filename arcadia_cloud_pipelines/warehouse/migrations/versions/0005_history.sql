-- Events are dated by the start of the listing that showed them, and kept in the order in which
-- they were recorded. The two can disagree: a listing of another account, or of the projects, may
-- begin earlier and be recorded later. Then the order of recording holds, and such an event counts
-- from the newest date before it: what was stored first cannot have been undone by what came later.

-- One query without side effects, so that the planner can look inside: conditions, order and limit
-- of the caller reach the table, and only the rows wanted are folded back.
CREATE OR REPLACE FUNCTION resources_as_of(at timestamptz) RETURNS TABLE (
    id bigint, provider text, account text, kind text, provider_id text, name text, region text,
    status text, size_slug text, tags text[], project_id bigint, attrs jsonb,
    created_at timestamptz, first_seen_at timestamptz, deleted_at timestamptz
) LANGUAGE sql STABLE AS $$
    SELECT
        r.id, r.provider,
        CASE WHEN was.fields ? 'account' THEN was.fields ->> 'account' ELSE r.account END,
        r.kind, r.provider_id,
        CASE WHEN was.fields ? 'name' THEN was.fields ->> 'name' ELSE r.name END,
        CASE WHEN was.fields ? 'region' THEN was.fields ->> 'region' ELSE r.region END,
        CASE WHEN was.fields ? 'status' THEN was.fields ->> 'status' ELSE r.status END,
        CASE WHEN was.fields ? 'size_slug' THEN was.fields ->> 'size_slug' ELSE r.size_slug END,
        CASE WHEN was.fields ? 'tags' THEN ARRAY(
            SELECT tag.value
            FROM jsonb_array_elements_text(
                CASE jsonb_typeof(was.fields -> 'tags') WHEN 'array' THEN was.fields -> 'tags'
                ELSE '[]' END
            ) WITH ORDINALITY AS tag (value, position)
            ORDER BY tag.position
        ) ELSE r.tags END,
        CASE WHEN was.fields ? 'project_id'
            THEN CAST(was.fields ->> 'project_id' AS bigint) ELSE r.project_id END,
        CASE WHEN was.fields IS NULL THEN r.attrs
            ELSE (r.attrs - was.keys) || coalesce(was.attrs, '{}') END,
        CASE WHEN was.fields ? 'created_at'
            THEN CAST(was.fields ->> 'created_at' AS timestamptz) ELSE r.created_at END,
        r.first_seen_at,
        CASE WHEN was.fields ? 'deleted_at'
            THEN CAST(was.fields ->> 'deleted_at' AS timestamptz) ELSE r.deleted_at END
    FROM cloud_resources AS r
    CROSS JOIN LATERAL (
        -- For each field that changed since, what it was before the first change.
        SELECT
            jsonb_object_agg(f.key, f.value) AS fields,
            array_agg(f.key) AS keys,
            jsonb_object_agg(f.key, f.value) FILTER (
                WHERE f.value <> 'null' AND f.key <> ALL (ARRAY[
                    'account', 'name', 'region', 'status', 'size_slug', 'tags', 'project_id',
                    'created_at', 'deleted_at'
                ])
            ) AS attrs
        FROM (
            SELECT DISTINCT ON (change.key) change.key, change.value -> 'from' AS value
            FROM cloud_resource_events AS e
            CROSS JOIN LATERAL jsonb_each(e.changes) AS change
            WHERE e.resource_id = r.id AND e.event <> 'drift_detected'
              AND e.id >= (
                SELECT min(first.id) FROM cloud_resource_events AS first
                WHERE first.resource_id = r.id AND first.occurred_at > at
                  AND first.event <> 'drift_detected'
              )
            ORDER BY change.key, e.id
        ) AS f
    ) AS was
    WHERE r.first_seen_at <= at
$$;
COMMENT ON FUNCTION resources_as_of(timestamptz) IS 'The resources as they were stored at an instant, deleted ones included: today''s rows with every later event undone. A project that was learnt later counts from the beginning; from then on project_id moves as cloud_project_memberships says.';

CREATE AGGREGATE cloud_merge(jsonb) (SFUNC = jsonb_concat, STYPE = jsonb, INITCOND = '{}');
COMMENT ON AGGREGATE cloud_merge(jsonb) IS 'Objects laid over each other: of a key in several, the last one''s value holds.';

CREATE VIEW resource_history AS
SELECT
    r.id AS resource_id, span.valid_from, span.valid_to, span.event, r.provider,
    CASE WHEN was.fields ? 'account' THEN was.fields ->> 'account' ELSE r.account END AS account,
    r.kind, r.provider_id,
    CASE WHEN was.fields ? 'name' THEN was.fields ->> 'name' ELSE r.name END AS name,
    CASE WHEN was.fields ? 'region' THEN was.fields ->> 'region' ELSE r.region END AS region,
    CASE WHEN was.fields ? 'status' THEN was.fields ->> 'status' ELSE r.status END AS status,
    CASE WHEN was.fields ? 'size_slug' THEN was.fields ->> 'size_slug' ELSE r.size_slug END
        AS size_slug,
    CASE WHEN was.fields ? 'tags' THEN ARRAY(
        SELECT tag.value
        FROM jsonb_array_elements_text(
            CASE jsonb_typeof(was.fields -> 'tags') WHEN 'array' THEN was.fields -> 'tags'
            ELSE '[]' END
        ) WITH ORDINALITY AS tag (value, position)
        ORDER BY tag.position
    ) ELSE r.tags END AS tags,
    CASE WHEN was.fields ? 'project_id'
        THEN CAST(was.fields ->> 'project_id' AS bigint) ELSE r.project_id END AS project_id,
    CASE WHEN was.fields = '{}' THEN r.attrs
        ELSE (r.attrs - was.keys) || coalesce(was.attrs, '{}') END AS attrs,
    CASE WHEN was.fields ? 'created_at'
        THEN CAST(was.fields ->> 'created_at' AS timestamptz) ELSE r.created_at END AS created_at,
    CASE WHEN was.fields ? 'deleted_at'
        THEN CAST(was.fields ->> 'deleted_at' AS timestamptz) ELSE r.deleted_at END AS deleted_at
FROM cloud_resources AS r
CROSS JOIN LATERAL (
    -- A range begins with each event and ends with the next. To be in it, undo all later events,
    -- the newest first: the values before the earliest of them are laid on top.
    SELECT
        step.event, step.valid_from,
        lead(step.valid_from) OVER (ORDER BY step.id) AS valid_to,
        cloud_merge(step.undo) OVER (
            ORDER BY step.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS fields
    FROM (
        -- For a row whose first event is missing; else it is empty and dropped below.
        SELECT
            CAST(0 AS bigint) AS id, CAST(NULL AS text) AS event, r.first_seen_at AS valid_from,
            CAST('{}' AS jsonb) AS undo
        UNION ALL
        SELECT
            e.id, e.event,
            greatest(r.first_seen_at, max(e.occurred_at) OVER (ORDER BY e.id)),
            (
                SELECT coalesce(jsonb_object_agg(change.key, change.value -> 'from'), '{}')
                FROM jsonb_each(e.changes) AS change
            )
        FROM cloud_resource_events AS e
        WHERE e.resource_id = r.id AND e.event <> 'drift_detected'
    ) AS step
) AS span
CROSS JOIN LATERAL (
    SELECT
        span.fields AS fields,
        coalesce(array_agg(f.key), '{}') AS keys,
        jsonb_object_agg(f.key, f.value) FILTER (
            WHERE f.value <> 'null' AND f.key <> ALL (ARRAY[
                'account', 'name', 'region', 'status', 'size_slug', 'tags', 'project_id',
                'created_at', 'deleted_at'
            ])
        ) AS attrs
    FROM jsonb_each(span.fields) AS f
) AS was
-- Of several events at one instant the last one counts.
WHERE span.valid_to IS NULL OR span.valid_from < span.valid_to;
COMMENT ON VIEW resource_history IS 'What every resource was and from when to when: one row for each range without a change, deleted ones included. The ranges of a resource have no gaps; at any instant they are what resources_as_of gives.';
COMMENT ON COLUMN resource_history.resource_id IS 'Its row in cloud_resources.';
COMMENT ON COLUMN resource_history.valid_from IS 'Start of the listing that showed it so for the first time.';
COMMENT ON COLUMN resource_history.valid_to IS 'Start of the listing that showed it otherwise, which is not in the range; null for now.';
COMMENT ON COLUMN resource_history.event IS 'The event that the range began with, as in cloud_resource_events.';
COMMENT ON COLUMN resource_history.provider IS 'The cloud it lives in: digitalocean.';
COMMENT ON COLUMN resource_history.account IS 'Uuid of the team that it belonged to.';
COMMENT ON COLUMN resource_history.kind IS 'droplet, volume, database and so on.';
COMMENT ON COLUMN resource_history.provider_id IS 'The provider''s identity of it.';
COMMENT ON COLUMN resource_history.name IS 'The name it had.';
COMMENT ON COLUMN resource_history.region IS 'Region slug it had.';
COMMENT ON COLUMN resource_history.status IS 'The provider''s word for the state it was in.';
COMMENT ON COLUMN resource_history.size_slug IS 'The plan it was billed by.';
COMMENT ON COLUMN resource_history.tags IS 'Tags it had, sorted, each once.';
COMMENT ON COLUMN resource_history.project_id IS 'The project it was in, as cloud_project_memberships dates it; the first one known counts from the beginning, the last one known after it left.';
COMMENT ON COLUMN resource_history.attrs IS 'What was particular to the kind, as the API names it.';
COMMENT ON COLUMN resource_history.created_at IS 'When the provider made it.';
COMMENT ON COLUMN resource_history.deleted_at IS 'Set in ranges in which it was deleted.';
