-- The first project of a resource is an event, so that folding the events gives the row. It is told
-- when it was learnt, and counts from the beginning: undoing leaves it out.

-- One event for each resource whose project no event names.
INSERT INTO cloud_resource_events (resource_id, event, occurred_at, changes)
SELECT
    r.id, 'updated', greatest(r.first_seen_at, stay.since),
    jsonb_build_object('project_id', jsonb_build_object('from', NULL, 'to', r.project_id))
FROM cloud_resources AS r
LEFT JOIN (
    SELECT m.provider, m.kind, m.provider_id, m.project_id, min(m.valid_from) AS since
    FROM cloud_project_memberships AS m
    GROUP BY m.provider, m.kind, m.provider_id, m.project_id
) AS stay USING (provider, kind, provider_id, project_id)
WHERE r.project_id IS NOT NULL
  AND NOT EXISTS (
    SELECT FROM cloud_resource_events AS e
    WHERE e.resource_id = r.id AND e.changes ? 'project_id' AND e.event <> 'drift_detected'
  )
ORDER BY r.id;

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
                FROM cloud_resource_events AS e
                CROSS JOIN LATERAL jsonb_each(e.changes) AS change
                WHERE NOT (SELECT cloud_reads_for_tenant())
                  AND e.resource_id = r.id AND e.event <> 'drift_detected'
                  AND e.id >= (
                    SELECT min(first.id) FROM cloud_resource_events AS first
                    WHERE first.resource_id = r.id AND first.occurred_at > at
                      AND first.event <> 'drift_detected'
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

CREATE OR REPLACE FUNCTION cloud_tenant_undo(resource bigint, instant timestamptz) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT jsonb_object_agg(f.key, f.value)
    FROM (
        SELECT DISTINCT ON (change.key) change.key, change.value -> 'from' AS value
        FROM cloud_resource_events AS e
        CROSS JOIN LATERAL jsonb_each(e.changes) AS change
        WHERE e.resource_id = resource AND e.event <> 'drift_detected'
          AND e.id >= (
            SELECT min(first.id) FROM cloud_resource_events AS first
            WHERE first.resource_id = resource AND first.occurred_at > instant
              AND first.event <> 'drift_detected'
          )
          AND NOT (change.key = 'project_id' AND change.value -> 'from' = 'null')
        ORDER BY change.key, e.id
    ) AS f
    WHERE cloud_tenant_spans(resource) @> instant
$$;

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
        FROM cloud_resource_events AS e
        WHERE e.resource_id = r.id AND e.event <> 'drift_detected'
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
