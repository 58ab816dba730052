-- The statements of installed_views.py: what people built on the schema.

-- name: dependents
-- Views on views as well. A view is younger than what it reads, so the order of oids is theirs.
WITH RECURSIVE reader AS (
    SELECT c.oid FROM pg_class AS c WHERE c.relnamespace = to_regnamespace(:schema)
    UNION
    SELECT rule.ev_class FROM reader
    JOIN pg_depend AS d ON d.refobjid = reader.oid AND d.refclassid = 'pg_class'::regclass
        AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite AS rule ON rule.oid = d.objid
)
SELECT
    CASE WHEN whose.is_ours THEN named.name ELSE format('%s (of %I)', named.name, whose.owner) END,
    c.relkind = 'v' AND whose.is_ours,
    ARRAY[format('CREATE VIEW %s %s AS %s', named.name,
        'WITH (' || array_to_string(c.reloptions, ', ') || ')', pg_get_viewdef(c.oid))]
    -- Before the owner: whoever is not the owner may say nothing of it.
    || ARRAY(
        SELECT format('COMMENT ON %s IS %L', CASE d.objsubid WHEN 0 THEN 'VIEW ' || named.name
            ELSE format('COLUMN %s.%I', named.name, a.attname) END, d.description)
        FROM pg_description AS d
        LEFT JOIN pg_attribute AS a ON a.attrelid = d.objoid AND a.attnum = d.objsubid
        WHERE d.objoid = c.oid AND d.classoid = 'pg_class'::regclass ORDER BY d.objsubid
    )
    -- By its owner, as it was given.
    || format('ALTER VIEW %s OWNER TO %I', named.name, whose.owner)
    || format('SET LOCAL ROLE %I', whose.owner)
    || ARRAY(
        SELECT format('GRANT %s%s ON %s TO %s%s', acl.privilege_type,
            ' (' || quote_ident(acl.attname) || ')', named.name,
            CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END,
            CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
        FROM (
            SELECT NULL AS attname, given.* FROM aclexplode(c.relacl) AS given
            UNION ALL
            SELECT a.attname, given.*
            FROM pg_attribute AS a CROSS JOIN LATERAL aclexplode(a.attacl) AS given
            WHERE a.attrelid = c.oid
        ) AS acl
        WHERE acl.grantor = c.relowner
    )
FROM reader JOIN pg_class AS c USING (oid)
CROSS JOIN LATERAL (SELECT c.oid::regclass::text AS name) AS named
CROSS JOIN LATERAL (
    SELECT pg_get_userbyid(c.relowner) AS owner, pg_has_role(
        c.relowner, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET'
        ELSE 'MEMBER' END
    ) AS is_ours
) AS whose
WHERE c.relnamespace <> to_regnamespace(:schema)
ORDER BY c.oid

-- name: grants
SELECT c.relname, CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END
FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS acl
WHERE c.relnamespace = to_regnamespace(:schema) AND acl.privilege_type = 'SELECT'
  AND acl.grantee <> c.relowner
ORDER BY 1, 2
