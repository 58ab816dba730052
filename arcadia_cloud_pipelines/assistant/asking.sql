-- The statements of asking.py.

-- name: relations
SELECT n.nspname || '.' || c.relname AS name,
    CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END AS sort,
    left(obj_description(c.oid, 'pg_class'), 160) AS says
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname IN ('marts', 'public') AND c.relkind IN ('r', 'v')
  AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
  AND obj_description(c.oid, 'pg_class') IS NOT NULL
ORDER BY n.nspname, c.relname;
