-- A field that appears on all rows of a kind at once is a change of the API, not of each resource:
-- one event for all, and the values beside it, so that history stays what it was.

-- Numbered with the events of resources: what came first has the lower number.
CREATE TABLE cloud_schema_events (
    id BIGINT DEFAULT nextval('cloud_resource_events_id_seq') NOT NULL,
    provider TEXT DEFAULT 'digitalocean' NOT NULL,
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    field TEXT NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    rows BIGINT NOT NULL,
    example_type TEXT NOT NULL,
    run_id TEXT,
    PRIMARY KEY (id)
);
CREATE INDEX cloud_schema_events_kind_idx ON cloud_schema_events (kind, occurred_at);
CREATE TABLE cloud_schema_event_rows (
    schema_event_id BIGINT NOT NULL,
    resource_id BIGINT NOT NULL,
    value JSONB NOT NULL,
    PRIMARY KEY (resource_id, schema_event_id),
    CONSTRAINT cloud_schema_event_rows_schema_event_id_fkey FOREIGN KEY(schema_event_id) REFERENCES cloud_schema_events (id),
    CONSTRAINT cloud_schema_event_rows_resource_id_fkey FOREIGN KEY(resource_id) REFERENCES cloud_resources (id)
);
CREATE INDEX cloud_schema_event_rows_event_idx ON cloud_schema_event_rows (schema_event_id);
COMMENT ON TABLE cloud_schema_events IS 'Fields that the API began to tell of all resources of a kind at once: a change of the API, not of each resource, so that none has an event. Append-only: the database refuses anything else.';
COMMENT ON COLUMN cloud_schema_events.id IS 'Numbered with cloud_resource_events: what was recorded first has the lower number.';
COMMENT ON COLUMN cloud_schema_events.provider IS 'The cloud it lives in: digitalocean.';
COMMENT ON COLUMN cloud_schema_events.account IS 'The team that the token belongs to: its uuid, 40 hex digits without dashes.';
COMMENT ON COLUMN cloud_schema_events.kind IS 'The kind whose objects have the field.';
COMMENT ON COLUMN cloud_schema_events.field IS 'The field, as attrs has it.';
COMMENT ON COLUMN cloud_schema_events.occurred_at IS 'Start of the listing that showed it first.';
COMMENT ON COLUMN cloud_schema_events.rows IS 'Resources that took a value of it then.';
COMMENT ON COLUMN cloud_schema_events.example_type IS 'JSON type of a value: string, number, boolean, object or array.';
COMMENT ON COLUMN cloud_schema_events.run_id IS 'The Dagster run that saw it.';
COMMENT ON TABLE cloud_schema_event_rows IS 'The value that each resource took when the API began to tell a field, so that history before and after stays what it was. Append-only: the database refuses anything else.';
COMMENT ON COLUMN cloud_schema_event_rows.schema_event_id IS 'The row in cloud_schema_events.';
COMMENT ON COLUMN cloud_schema_event_rows.resource_id IS 'The resource that took the value.';
COMMENT ON COLUMN cloud_schema_event_rows.value IS 'The value that it took.';

DO $$
DECLARE
    kept text;
BEGIN
    FOREACH kept IN ARRAY ARRAY['cloud_schema_events', 'cloud_schema_event_rows'] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION cloud_refuse_change()', kept || '_append_only', kept);
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION cloud_refuse_change()', kept || '_no_truncate', kept);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', kept, kept || '_append_only');
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', kept, kept || '_no_truncate');
        EXECUTE format('CREATE POLICY everyone ON %I USING (true) WITH CHECK (true)', kept);
        EXECUTE format('COMMENT ON POLICY everyone ON %I IS %L', kept, 'For all roles but arcadia_tenant the grants decide alone.');
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', kept);
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION cloud_secure_tenants() RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    role_is RECORD;
    membership text := CASE
        WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END;
    own text;
    guarded text;
    rule text;
BEGIN
    SELECT pg_get_userbyid(relowner) INTO own FROM pg_class
    WHERE oid = 'public.cloud_resources'::regclass;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'arcadia_tenant') THEN
        BEGIN
            CREATE ROLE arcadia_tenant NOLOGIN;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                RETURN format('the role arcadia_tenant is missing and %I may not create it: ask an administrator for CREATE ROLE arcadia_tenant NOLOGIN; GRANT arcadia_tenant TO %I', current_user, current_user);
        END;
    END IF;
    SELECT rolsuper OR rolbypassrls AS bypasses, pg_has_role(oid, own, 'MEMBER') AS owns
    INTO role_is FROM pg_roles WHERE rolname = 'arcadia_tenant';
    IF role_is.bypasses OR role_is.owns THEN
        RETURN format('the role arcadia_tenant is not bound by row-level security: ask an administrator for ALTER ROLE arcadia_tenant NOSUPERUSER NOBYPASSRLS, and that it is no member of %I', own);
    END IF;
    IF NOT pg_has_role(current_user, 'arcadia_tenant', membership) THEN
        BEGIN
            EXECUTE format('GRANT arcadia_tenant TO %I', current_user);
        EXCEPTION WHEN insufficient_privilege THEN NULL;
        END;
        IF NOT pg_has_role(current_user, 'arcadia_tenant', membership) THEN
            RETURN format('%I may not act as arcadia_tenant: ask an administrator for GRANT arcadia_tenant TO %I', current_user, current_user);
        END IF;
    END IF;
    IF has_function_privilege('arcadia_tenant', 'public.cloud_secure_tenants()', 'EXECUTE') THEN
        RETURN 'every login of a tenant may choose its tenant: REVOKE EXECUTE ON FUNCTION cloud_secure_tenants() FROM PUBLIC, arcadia_tenant';
    END IF;
    FOR guarded, rule IN VALUES
        ('cloud_projects', 'tenant_id = (SELECT cloud_tenant()) AND (deleted_at IS NULL OR cloud_tenant_sees_project(id, NULL, deleted_at))'),
        -- An array, worked out once: so the index on project_id can be used.
        ('cloud_resources', 'project_id = ANY (ARRAY(SELECT p.id FROM cloud_projects AS p WHERE p.tenant_id = (SELECT cloud_tenant()))) AND (deleted_at IS NULL OR cloud_tenant_sees_resource(id, deleted_at))'),
        ('cloud_project_memberships', 'project_id = ANY (ARRAY(SELECT p.id FROM cloud_projects AS p WHERE p.tenant_id = (SELECT cloud_tenant()))) AND cloud_tenant_sees_project(project_id, valid_from, valid_to)'),
        -- What was meant to be is for administrators, and drift tells it.
        ('cloud_resource_events', 'event <> ''drift_detected'' AND EXISTS (SELECT FROM cloud_resources AS r WHERE r.id = resource_id) AND cloud_tenant_sees_event(resource_id, id, occurred_at, CASE event WHEN ''restored'' THEN (changes -> ''deleted_at'' ->> ''from'')::timestamptz END)'),
        ('cloud_tenant_costs', 'tenant_id = (SELECT cloud_tenant())'),
        ('cloud_statements', 'tenant_id = (SELECT cloud_tenant())'),
        ('cloud_statement_lines', 'tenant_id = (SELECT cloud_tenant())'),
        -- They count the whole account's rows; what they mean for a tenant's own is told by
        -- cloud_tenant_undo, with the owner's eyes.
        ('cloud_schema_events', 'false'),
        ('cloud_schema_event_rows', 'false')
    LOOP
        IF NOT EXISTS (
            SELECT FROM pg_policies WHERE schemaname = 'public' AND tablename = guarded
                AND policyname = 'tenant' AND permissive = 'RESTRICTIVE'
                AND roles = ARRAY['arcadia_tenant'::name]
        ) OR NOT has_table_privilege('arcadia_tenant', 'public.' || guarded, 'SELECT') THEN
            IF current_user <> own AND NOT pg_has_role(current_user, own, 'USAGE') THEN
                RETURN format('the policies for arcadia_tenant are missing: run `arcadia migrate` as %I, which owns the tables', own);
            END IF;
            EXECUTE format('DROP POLICY IF EXISTS tenant ON public.%I', guarded);
            EXECUTE format('CREATE POLICY tenant ON public.%I AS RESTRICTIVE TO arcadia_tenant USING (%s)', guarded, rule);
            EXECUTE format('GRANT SELECT ON public.%I TO arcadia_tenant', guarded);
        END IF;
        IF NOT (SELECT relrowsecurity FROM pg_class WHERE oid = ('public.' || guarded)::regclass) THEN
            RETURN format('row-level security of %I was switched off: ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded, guarded);
        END IF;
    END LOOP;
    IF NOT has_schema_privilege('arcadia_tenant', 'public', 'USAGE') THEN
        GRANT USAGE ON SCHEMA public TO arcadia_tenant;
    END IF;
    RETURN NULL;
END $$;

DO $$
DECLARE
    missing text := cloud_secure_tenants();
BEGIN
    IF missing IS NOT NULL THEN
        RAISE WARNING 'the API will not answer tenants: %', missing;
    END IF;
    IF to_regrole('arcadia_reader') IS NOT NULL THEN
        GRANT SELECT ON cloud_schema_events, cloud_schema_event_rows TO arcadia_reader;
    END IF;
END $$;

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

CREATE OR REPLACE FUNCTION cloud_tenant_undo(resource bigint, instant timestamptz) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT jsonb_object_agg(f.key, f.value)
    FROM (
        SELECT DISTINCT ON (change.key) change.key, change.value -> 'from' AS value
        FROM (
            SELECT id, changes FROM cloud_resource_events
            WHERE resource_id = resource AND event <> 'drift_detected'
            UNION ALL
            SELECT s.id, jsonb_build_object(s.field, jsonb_build_object('from', NULL, 'to', took.value))
            FROM cloud_schema_event_rows AS took
            JOIN cloud_schema_events AS s ON s.id = took.schema_event_id
            WHERE took.resource_id = resource
        ) AS e
        CROSS JOIN LATERAL jsonb_each(e.changes) AS change
        WHERE e.id >= (
            SELECT min(first.id)
            FROM (
                SELECT id, occurred_at FROM cloud_resource_events
                WHERE resource_id = resource AND event <> 'drift_detected'
                UNION ALL
                SELECT s.id, s.occurred_at
                FROM cloud_schema_event_rows AS took
                JOIN cloud_schema_events AS s ON s.id = took.schema_event_id
                WHERE took.resource_id = resource
            ) AS first
            WHERE first.occurred_at > instant
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
COMMENT ON COLUMN resource_history.event IS 'The event that the range begins with, as in cloud_resource_events; schema_changed where the API began to tell a field, as cloud_schema_events has it.';
