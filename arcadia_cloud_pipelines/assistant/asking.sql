-- The statements of asking.py.

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

-- name: relations
SELECT n.nspname || '.' || c.relname AS name,
    CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END AS sort,
    left(obj_description(c.oid, 'pg_class'), 160) AS says
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname IN ('marts', 'public') AND c.relkind IN ('r', 'v')
  AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
  AND obj_description(c.oid, 'pg_class') IS NOT NULL
ORDER BY n.nspname, c.relname;

-- name: rule
SELECT CAST(ev_action AS text) FROM pg_rewrite
WHERE ev_class = to_regclass('pg_temp.arcadia_asked');

-- name: not_for_readers
-- What only reads is declared immutable or stable. Volatile functions send, lock, sleep, change
-- settings (the role among them), or run a statement that comes as a text.
SELECT DISTINCT CAST(CAST(p.oid AS regprocedure) AS text)
FROM pg_proc AS p
WHERE (
    p.oid = ANY (CAST(:functions AS oid[]))
    OR p.oid IN (
        SELECT o.oprcode FROM pg_operator AS o WHERE o.oid = ANY (CAST(:operators AS oid[]))
    )
  )
  AND p.provolatile = 'v'
  AND NOT (
    p.pronamespace = 'pg_catalog'::regnamespace
    AND p.proname IN ('random', 'clock_timestamp', 'timeofday', 'gen_random_uuid')
  )
ORDER BY 1;

-- name: types
SELECT oid, format_type(oid, NULL) FROM pg_type WHERE oid = ANY (CAST(:oids AS oid[]));

-- name: tells_sources
SELECT coalesce(
    has_schema_privilege(to_regnamespace('marts')::oid, 'USAGE')
    AND has_table_privilege(to_regclass('marts.freshness')::oid, 'SELECT'), false);

-- name: sources
SELECT min(as_of), coalesce(bool_and(complete AND as_of IS NOT NULL), false) FROM marts.freshness;
