-- Tenants are kept apart by row-level security: the API reads for them as arcadia_tenant, with
-- their name in arcadia.tenant_id. The tables' owner, as whom the pipeline works, is not subject to
-- it, and for every other role each row stays what its grants make it.

CREATE FUNCTION cloud_tenant() RETURNS text LANGUAGE sql STABLE
    RETURN nullif(current_setting('arcadia.tenant_id', true), '');
COMMENT ON FUNCTION cloud_tenant() IS 'The tenant that the current transaction reads for; null for none.';

-- With the owner's eyes: under row-level security the foreign projects are not to be seen.
CREATE FUNCTION cloud_tenant_since(resource bigint) RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT max(e.occurred_at)
    FROM cloud_resources AS r
    JOIN cloud_projects AS own ON own.id = r.project_id AND own.tenant_id = cloud_tenant()
    JOIN cloud_resource_events AS e ON e.resource_id = r.id AND e.event <> 'drift_detected'
        AND e.changes ? 'project_id'
    LEFT JOIN cloud_projects AS other
        ON other.id = CAST(e.changes -> 'project_id' ->> 'from' AS bigint)
    WHERE r.id = resource AND other.tenant_id IS DISTINCT FROM own.tenant_id
$$;
COMMENT ON FUNCTION cloud_tenant_since(bigint) IS 'Since when a resource is in projects of the tenant without a break; null when it always was. What happened to it before is another''s.';

CREATE FUNCTION cloud_secure_tenants() RETURNS text
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
    FOR guarded, rule IN VALUES
        ('cloud_projects', 'tenant_id = cloud_tenant()'),
        -- An array, worked out once: so the index on project_id can be used.
        ('cloud_resources', 'project_id = ANY (ARRAY(SELECT p.id FROM cloud_projects AS p WHERE p.tenant_id = cloud_tenant()))'),
        ('cloud_project_memberships', 'project_id = ANY (ARRAY(SELECT p.id FROM cloud_projects AS p WHERE p.tenant_id = cloud_tenant()))'),
        ('cloud_resource_events', 'EXISTS (SELECT FROM cloud_resources AS r WHERE r.id = resource_id) AND occurred_at > coalesce(cloud_tenant_since(resource_id), ''-infinity'')')
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
COMMENT ON FUNCTION cloud_secure_tenants() IS 'Makes sure that tenants can be kept apart: role, policies and grants. Null, or a sentence that says what is missing. Changes nothing where all is in place.';
REVOKE EXECUTE ON FUNCTION cloud_secure_tenants() FROM PUBLIC;

DO $$
DECLARE
    guarded text;
    missing text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['cloud_projects', 'cloud_resources', 'cloud_project_memberships', 'cloud_resource_events'] LOOP
        EXECUTE format('CREATE POLICY everyone ON %I USING (true) WITH CHECK (true)', guarded);
        EXECUTE format('COMMENT ON POLICY everyone ON %I IS %L', guarded, 'For all roles but arcadia_tenant the grants decide alone.');
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded);
    END LOOP;
    missing := cloud_secure_tenants();
    IF missing IS NOT NULL THEN
        RAISE WARNING 'the API will not answer tenants: %', missing;
    END IF;
END $$;

-- One query without side effects, so that the planner can look inside: conditions, order and limit
-- of the caller reach the table, and only the rows wanted are folded back.
CREATE FUNCTION resources_as_of(at timestamptz) RETURNS TABLE (
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
            WHERE e.resource_id = r.id AND e.occurred_at > at AND e.event <> 'drift_detected'
            ORDER BY change.key, e.occurred_at, e.id
        ) AS f
    ) AS was
    WHERE r.first_seen_at <= at
$$;
COMMENT ON FUNCTION resources_as_of(timestamptz) IS 'The resources as they were stored at an instant, deleted ones included: today''s rows with every later event undone. A project that was learnt later counts from the beginning.';
