-- A trigger does not fire where session_replication_role is replica, unless it is ENABLE ALWAYS.
-- What guards the append-only tables, and notes who changed what, must not be passed by a setting.
DO $$
DECLARE
    guard record;
BEGIN
    FOR guard IN
        SELECT t.tgrelid::regclass AS relation, t.tgname AS name
        FROM pg_trigger AS t
        JOIN pg_class AS c ON c.oid = t.tgrelid
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE NOT t.tgisinternal
          AND n.nspname = 'public'
          AND (t.tgname LIKE '%\_append\_only' OR t.tgname LIKE '%\_no\_truncate')
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', guard.relation, guard.name);
    END LOOP;
END
$$;
