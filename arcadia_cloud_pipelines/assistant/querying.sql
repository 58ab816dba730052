-- The statements of querying.py.

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
