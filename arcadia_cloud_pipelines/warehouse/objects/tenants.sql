-- What a tenant sees.

CREATE OR REPLACE FUNCTION cloud_tenant() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT CASE
        WHEN bound.tenant_id IS NOT NULL THEN bound.tenant_id
        -- SET ROLE to anything that reads as a tenant, other than the API's way, is nobody.
        WHEN acting.role IN (session_user, 'arcadia_tenant')
            AND has_function_privilege(session_user, 'public.cloud_secure_tenants()', 'EXECUTE')
            THEN nullif(current_setting('arcadia.tenant_id', true), '')
    END
    FROM (SELECT CASE current_setting('role') WHEN 'none' THEN session_user
          ELSE current_setting('role') END AS role) AS acting
    LEFT JOIN LATERAL (
        SELECT l.tenant_id FROM cloud_tenant_logins AS l
        WHERE l.login IN (session_user, acting.role)
        ORDER BY l.login <> session_user LIMIT 1
    ) AS bound ON true
$$;
COMMENT ON FUNCTION cloud_tenant() IS 'The tenant that this session reads for: that of its login, or, for the API, that of the current transaction; null for none.';

CREATE OR REPLACE FUNCTION cloud_reads_for_tenant() RETURNS boolean LANGUAGE sql STABLE
RETURN row_security_active('public.cloud_resources') AND CASE
    WHEN to_regrole('arcadia_tenant') IS NULL THEN false
    ELSE pg_has_role(current_user, to_regrole('arcadia_tenant'), 'USAGE')
END;
COMMENT ON FUNCTION cloud_reads_for_tenant() IS 'Whether the current role sees a tenant''s rows alone.';

CREATE OR REPLACE FUNCTION cloud_tenant_spans(resource bigint) RETURNS tstzmultirange
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH moves AS (
        SELECT
            e.id,
            CAST(e.changes -> 'project_id' ->> 'from' AS bigint) AS left_project,
            -- Events count from the newest date recorded before them, as in resources_as_of.
            (
                SELECT max(before.occurred_at) FROM cloud_resource_events AS before
                WHERE before.resource_id = resource AND before.id <= e.id
                  AND before.event <> 'drift_detected'
            ) AS at
        FROM cloud_resource_events AS e
        WHERE e.resource_id = resource AND e.changes ? 'project_id'
          AND e.event <> 'drift_detected'
    ), places AS (
        SELECT left_project AS project_id,
            tstzrange(lag(at) OVER (ORDER BY id), at) AS during
        FROM moves
        -- The first project that is known counts from the beginning.
        WHERE left_project IS NOT NULL OR id <> (SELECT min(id) FROM moves)
        UNION ALL
        SELECT r.project_id, tstzrange(
            (
                SELECT max(at) FROM moves
                WHERE left_project IS NOT NULL OR id <> (SELECT min(id) FROM moves)
            ), NULL
        )
        FROM cloud_resources AS r WHERE r.id = resource
    )
    SELECT coalesce(range_agg(p.during * tstzrange(t.valid_from, t.valid_to)), '{}')
    FROM places AS p
    JOIN cloud_project_tenancies AS t ON t.project_id = p.project_id
    WHERE t.tenant_id = (SELECT cloud_tenant())
$$;
COMMENT ON FUNCTION cloud_tenant_spans(bigint) IS 'When the resource was in a project of the session''s tenant: all that the tenant is told is from these spans.';

CREATE OR REPLACE FUNCTION cloud_tenant_owned_at(spans tstzmultirange, instant timestamptz) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM unnest(spans) AS span
        WHERE (lower_inf(span) OR lower(span) < instant)
          AND (upper_inf(span) OR instant <= upper(span))
    )
$$;
COMMENT ON FUNCTION cloud_tenant_owned_at(tstzmultirange, timestamptz) IS 'Whether what was true until an instant was so in one of the spans.';

CREATE OR REPLACE FUNCTION cloud_tenant_sees_resource(resource bigint, deleted timestamptz) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT deleted IS NULL OR cloud_tenant_owned_at(cloud_tenant_spans(resource), deleted)
$$;
COMMENT ON FUNCTION cloud_tenant_sees_resource(bigint, timestamptz) IS 'Whether a row in a project of the tenant is the tenant''s: a deleted one only if it was when it was deleted.';

CREATE OR REPLACE FUNCTION cloud_tenant_sees_project(project bigint, since timestamptz, until timestamptz)
RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM cloud_project_tenancies AS t
        WHERE t.project_id = project AND t.tenant_id = (SELECT cloud_tenant())
          AND (t.valid_to IS NULL OR since IS NULL OR since < t.valid_to)
          AND (t.valid_from IS NULL OR until IS NULL OR t.valid_from < until)
    )
$$;
COMMENT ON FUNCTION cloud_tenant_sees_project(bigint, timestamptz, timestamptz) IS 'Whether a project was the tenant''s at some time in a range.';

CREATE OR REPLACE FUNCTION cloud_tenant_sees_event(
    resource bigint, event_id bigint, instant timestamptz, revived timestamptz
) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    -- Strictly within: an event on a border tells what was before it, or what came after it. And
    -- one that was recorded after the border, though dated before it, belongs behind it.
    SELECT EXISTS (
        SELECT FROM unnest(cloud_tenant_spans(resource)) AS span
        WHERE (lower_inf(span) OR lower(span) < instant)
          AND (upper_inf(span) OR NOT EXISTS (
              SELECT FROM cloud_resource_events AS before
              WHERE before.resource_id = resource AND before.id <= event_id
                AND before.event <> 'drift_detected' AND before.occurred_at >= upper(span)
          ))
          -- What comes back is compared with what it was when it went.
          AND (revived IS NULL OR lower_inf(span) OR lower(span) < revived)
    )
$$;
COMMENT ON FUNCTION cloud_tenant_sees_event(bigint, bigint, timestamptz, timestamptz) IS 'Whether both what an event changed and what it changed it to were so while the resource was the tenant''s.';

CREATE OR REPLACE FUNCTION cloud_tenant_first_seen(resource bigint, first_seen timestamptz)
RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT greatest(first_seen, lower(cloud_tenant_spans(resource)))
$$;
COMMENT ON FUNCTION cloud_tenant_first_seen(bigint, timestamptz) IS 'The first time that the resource was seen in a project of the tenant.';

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
COMMENT ON FUNCTION cloud_tenant_undo(bigint, timestamptz) IS 'For each field that changed since, what it was at an instant at which the resource was the tenant''s.';

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
        )
        -- PostgreSQL spells a rule in its own way: so the comment says which one it was made from.
        OR NOT EXISTS (
            SELECT FROM pg_policy AS p
            WHERE p.polrelid = ('public.' || guarded)::regclass AND p.polname = 'tenant'
              AND obj_description(p.oid, 'pg_policy') = format('A tenant''s own rows. (digest %s)', md5(rule))
        )
        OR NOT has_table_privilege('arcadia_tenant', 'public.' || guarded, 'SELECT') THEN
            IF current_user <> own AND NOT pg_has_role(current_user, own, 'USAGE') THEN
                RETURN format('the policies for arcadia_tenant are missing: run `arcadia migrate` as %I, which owns the tables', own);
            END IF;
            EXECUTE format('DROP POLICY IF EXISTS tenant ON public.%I', guarded);
            EXECUTE format('CREATE POLICY tenant ON public.%I AS RESTRICTIVE TO arcadia_tenant USING (%s)', guarded, rule);
            EXECUTE format('COMMENT ON POLICY tenant ON public.%I IS %L', guarded, format('A tenant''s own rows. (digest %s)', md5(rule)));
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

CREATE OR REPLACE FUNCTION cloud_bind_tenant_login(login_name text, tenant text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    role_is RECORD;
    others text;
BEGIN
    SELECT * INTO role_is FROM pg_roles WHERE rolname = login_name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the role % does not exist: CREATE ROLE % LOGIN', quote_ident(login_name), quote_ident(login_name);
    END IF;
    IF tenant IS NULL OR btrim(tenant) = '' THEN
        RAISE EXCEPTION 'name the tenant that % reads for', quote_ident(login_name);
    END IF;
    IF login_name IN ('arcadia_tenant', 'arcadia_reader', current_user, session_user) THEN
        RAISE EXCEPTION '% is not an analyst''s login', quote_ident(login_name);
    END IF;
    IF role_is.rolsuper OR role_is.rolbypassrls OR role_is.rolcreaterole OR role_is.rolreplication THEN
        RAISE EXCEPTION '% has rights over the whole server: take SUPERUSER, BYPASSRLS, CREATEROLE and REPLICATION away first', quote_ident(login_name);
    END IF;
    SELECT string_agg(quote_ident(rolname), ', ' ORDER BY rolname) INTO others FROM pg_roles
    WHERE rolname NOT IN (login_name, 'arcadia_tenant') AND pg_has_role(login_name, oid, 'MEMBER');
    IF others IS NOT NULL THEN
        RAISE EXCEPTION '% is a member of %: a login of a tenant is in no other role, because it could SET ROLE to it', quote_ident(login_name), others;
    END IF;
    EXECUTE format('GRANT arcadia_tenant TO %I', login_name);
    INSERT INTO cloud_tenant_logins AS l (login, tenant_id) VALUES (login_name, tenant)
    ON CONFLICT (login) DO UPDATE
    SET tenant_id = excluded.tenant_id, bound_at = now(), bound_by = session_user;
END $$;
COMMENT ON FUNCTION cloud_bind_tenant_login(text, text) IS 'Lets a login read one tenant''s rows, and no others, for as long as it exists.';
