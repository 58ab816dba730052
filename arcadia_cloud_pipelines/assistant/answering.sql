-- The statements of answering.py.

-- name: limits
-- A search path without the caller's own schema: a name means what it means for everybody.
SELECT set_config('statement_timeout', :timeout, true),
    set_config('lock_timeout', '2s', true),
    set_config('idle_in_transaction_session_timeout', '30s', true),
    set_config('timezone', 'UTC', true),
    set_config('search_path', 'marts, public, pg_temp', true);

-- name: may_become_reader
SELECT coalesce(
    pg_has_role(session_user, to_regrole('arcadia_reader')::oid, CASE
        WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER'
    END), false);

-- name: can_write
-- The name of the role where it could do more than read; null for a reader.
SELECT r.rolname FROM pg_roles AS r
WHERE r.rolname = current_user AND (
    r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolbypassrls OR r.rolreplication
    OR EXISTS (
        SELECT FROM pg_class AS c
        WHERE c.relnamespace IN (to_regnamespace('public'), to_regnamespace('marts'))
          AND c.relkind IN ('r', 'v')
          -- Tables of an analyst's own are no reason.
          AND (c.relnamespace = to_regnamespace('marts') OR c.relname LIKE 'cloud\_%')
          AND (
            pg_has_role(current_user, c.relowner, 'USAGE')
            OR has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
          )
    )
);

-- name: types
SELECT oid, format_type(oid, NULL) FROM pg_type WHERE oid = ANY (CAST(:oids AS oid[]));

-- name: tells_sources
SELECT coalesce(
    has_schema_privilege(to_regnamespace('marts')::oid, 'USAGE')
    AND has_table_privilege(to_regclass('marts.freshness')::oid, 'SELECT'), false);

-- name: sources
SELECT min(as_of), coalesce(bool_and(complete AND as_of IS NOT NULL), false) FROM marts.freshness;
