-- The statements of grants.py.

-- name: create_reader
DO $$
BEGIN
    IF to_regrole('arcadia_reader') IS NULL THEN
        CREATE ROLE arcadia_reader NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;

-- name: lost
-- Only what is ours: tables of other people in the schema public are their own affair.
SELECT format('USAGE ON SCHEMA %I', n.nspname)
FROM pg_namespace AS n
WHERE n.nspname IN ('public', 'marts') AND to_regrole(:role) IS NOT NULL
  AND NOT has_schema_privilege(to_regrole(:role), n.oid, 'USAGE')
UNION ALL
SELECT format('SELECT ON %I.%I', n.nspname, c.relname)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE to_regrole(:role) IS NOT NULL
  AND c.relkind IN ('r', 'v')
  AND (
    n.nspname = 'marts'
    OR n.nspname = 'public'
        AND (c.relname LIKE 'cloud\_%' OR c.relname IN ('resource_history', 'alembic_version'))
  )
  AND NOT has_table_privilege(to_regrole(:role), c.oid, 'SELECT');

-- name: reader_sees_new
-- Null without the role, or where this user cannot own tables of ours.
SELECT EXISTS (
    SELECT FROM pg_default_acl AS d CROSS JOIN LATERAL aclexplode(d.defaclacl) AS acl
    WHERE d.defaclnamespace = to_regnamespace('public') AND d.defaclobjtype = 'r'
      AND d.defaclrole = c.relowner AND acl.grantee = to_regrole(:role)
      AND acl.privilege_type = 'SELECT'
)
FROM pg_class AS c
WHERE c.oid = to_regclass('public.cloud_resources') AND to_regrole(:role) IS NOT NULL
  AND pg_get_userbyid(c.relowner) = current_user;

-- name: new_to_reader
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO arcadia_reader;

-- name: tenant_reads
SELECT format('%I', c.relname)
FROM pg_class AS c
WHERE c.relnamespace = to_regnamespace('public') AND c.relkind = 'r'
  AND c.relname LIKE 'cloud\_%' AND to_regrole(:role) IS NOT NULL
  AND has_table_privilege(to_regrole(:role), c.oid, 'SELECT');

-- name: secure_tenants
SELECT cloud_secure_tenants();
