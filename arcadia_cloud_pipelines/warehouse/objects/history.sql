-- Resources as they were.

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
        CASE WHEN (SELECT cloud_reads_for_tenant())
            THEN cloud_tenant_first_seen(r.id, r.first_seen_at) ELSE r.first_seen_at END,
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
            (
                SELECT DISTINCT ON (change.key) change.key, change.value -> 'from' AS value
                FROM (
                    SELECT id, changes FROM cloud_resource_events
                    WHERE resource_id = r.id AND event <> 'drift_detected'
                    UNION ALL
                    SELECT s.id, jsonb_build_object(s.field, jsonb_build_object('from', NULL, 'to', took.value))
                    FROM cloud_schema_event_rows AS took
                    JOIN cloud_schema_events AS s ON s.id = took.schema_event_id
                    WHERE took.resource_id = r.id
                ) AS e
                CROSS JOIN LATERAL jsonb_each(e.changes) AS change
                WHERE NOT (SELECT cloud_reads_for_tenant())
                  AND e.id >= (
                    SELECT min(first.id)
                    FROM (
                        SELECT id, occurred_at FROM cloud_resource_events
                        WHERE resource_id = r.id AND event <> 'drift_detected'
                        UNION ALL
                        SELECT s.id, s.occurred_at
                        FROM cloud_schema_event_rows AS took
                        JOIN cloud_schema_events AS s ON s.id = took.schema_event_id
                        WHERE took.resource_id = r.id
                    ) AS first
                    WHERE first.occurred_at > at
                  )
                  AND NOT (change.key = 'project_id' AND change.value -> 'from' = 'null')
                ORDER BY change.key, e.id
            )
            UNION ALL
            SELECT undone.key, undone.value
            FROM jsonb_each(
                CASE WHEN (SELECT cloud_reads_for_tenant()) THEN cloud_tenant_undo(r.id, at) END
            ) AS undone
        ) AS f
    ) AS was
    WHERE r.first_seen_at <= at
      AND (NOT (SELECT cloud_reads_for_tenant()) OR (
        cloud_tenant_spans(r.id) @> at
        AND cloud_tenant_sees_resource(r.id, CASE WHEN was.fields ? 'deleted_at'
            THEN CAST(was.fields ->> 'deleted_at' AS timestamptz) ELSE r.deleted_at END)
      ))
$$;
COMMENT ON FUNCTION resources_as_of(timestamptz) IS 'The resources as they were stored at an instant, deleted ones included: today''s rows with every later event undone. A project that was learnt later counts from the beginning; from then on project_id moves as cloud_project_memberships says.';

CREATE OR REPLACE AGGREGATE cloud_merge(jsonb) (SFUNC = jsonb_concat, STYPE = jsonb, INITCOND = '{}');
COMMENT ON AGGREGATE cloud_merge(jsonb) IS 'Objects laid over each other: of a key in several, the last one''s value holds.';

CREATE OR REPLACE VIEW resource_history AS
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
            CAST('{}' AS jsonb) AS undo, false AS learns
        UNION ALL
        SELECT
            e.id, e.event,
            greatest(r.first_seen_at, max(e.occurred_at) OVER (ORDER BY e.id)),
            (
                SELECT coalesce(jsonb_object_agg(change.key, change.value -> 'from'), '{}')
                FROM jsonb_each(e.changes) AS change
                WHERE NOT (change.key = 'project_id' AND change.value -> 'from' = 'null')
            ),
            e.event = 'updated' AND e.changes - 'project_id' = '{}'
                AND coalesce(e.changes -> 'project_id' -> 'from' = 'null', false)
        FROM (
            SELECT id, event, occurred_at, changes FROM cloud_resource_events
            WHERE resource_id = r.id AND event <> 'drift_detected'
            UNION ALL
            SELECT s.id, 'schema_changed', s.occurred_at, jsonb_build_object(s.field, jsonb_build_object('from', NULL, 'to', took.value))
            FROM cloud_schema_event_rows AS took
            JOIN cloud_schema_events AS s ON s.id = took.schema_event_id
            WHERE took.resource_id = r.id
        ) AS e
    ) AS step
    -- What only taught the project changed nothing that is told here.
    WHERE NOT step.learns
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
COMMENT ON COLUMN resource_history.event IS 'The event that the range begins with, as in cloud_resource_events; schema_changed where the API began to tell a field, as cloud_schema_events has it.';
COMMENT ON COLUMN resource_history.provider IS 'The cloud it lives in: digitalocean.';
COMMENT ON COLUMN resource_history.account IS 'The team that it belonged to: its uuid, 40 hex digits without dashes.';
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
