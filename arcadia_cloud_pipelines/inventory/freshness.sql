-- The statements of freshness.py. Each walks along indexes of cloud_sync_runs, whose rows grow for
-- ever: by 45 an hour, and nothing reads them all.

-- name: kinds
-- The kinds of :account, or of all accounts where it is null. Of several accounts one is always
-- named: what failed before it knew its account is nobody's among them.
WITH RECURSIVE known AS (
    (
        SELECT kind FROM cloud_sync_runs
        WHERE CAST(:account AS text) IS NULL OR account = :account
        ORDER BY kind LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT r.kind FROM cloud_sync_runs AS r
        WHERE (CAST(:account AS text) IS NULL OR r.account = :account) AND r.kind > k.kind
        ORDER BY r.kind LIMIT 1
    )
    FROM known AS k
    WHERE k.kind IS NOT NULL
)
SELECT newest.id, k.kind, newest.account, newest.started_at, newest.complete, newest.available,
    newest.rows_seen, newest.error, newest.implausible, newest.missing, newest.withheld,
    complete.started_at AS complete_at,
    answer.available AS answer_available, answer.implausible AS answer_implausible,
    answer.missing AS answer_missing, answer.withheld AS answer_withheld
FROM known AS k
CROSS JOIN LATERAL (
    SELECT * FROM cloud_sync_runs AS r
    WHERE (CAST(:account AS text) IS NULL OR r.account = :account) AND r.kind = k.kind
    ORDER BY r.started_at DESC, r.id DESC LIMIT 1
) AS newest
LEFT JOIN LATERAL (
    SELECT started_at FROM cloud_sync_runs AS r
    WHERE (CAST(:account AS text) IS NULL OR r.account = :account) AND r.kind = k.kind
      AND r.complete
    ORDER BY r.started_at DESC LIMIT 1
) AS complete ON true
LEFT JOIN LATERAL (
    SELECT available, implausible, missing, withheld FROM cloud_sync_runs AS r
    WHERE (CAST(:account AS text) IS NULL OR r.account = :account) AND r.kind = k.kind
      AND (r.complete OR NOT r.available)
    ORDER BY r.started_at DESC, r.id DESC LIMIT 1
) AS answer ON true
WHERE k.kind IS NOT NULL
ORDER BY k.kind;

-- name: ahead
SELECT id, kind, started_at FROM cloud_sync_runs
WHERE started_at > clock_timestamp() + CAST(:tolerance AS interval)
ORDER BY kind, started_at;

-- name: accounts
WITH RECURSIVE known AS (
    (SELECT account FROM cloud_sync_runs WHERE account IS NOT NULL ORDER BY account LIMIT 1)
    UNION ALL
    SELECT (
        SELECT r.account FROM cloud_sync_runs AS r
        WHERE r.account > k.account ORDER BY r.account LIMIT 1
    )
    FROM known AS k
    WHERE k.account IS NOT NULL
)
SELECT k.account, (
    SELECT r.started_at FROM cloud_sync_runs AS r
    WHERE r.account = k.account ORDER BY r.started_at DESC LIMIT 1
) AS started_at, team.name AS team,
    EXISTS (SELECT FROM cloud_resources AS r WHERE r.account = k.account AND r.deleted_at IS NULL)
        AS lives
FROM known AS k
LEFT JOIN LATERAL (
    -- By each team's newest token: an older one may have been of another account.
    SELECT newest.team AS name FROM (
        SELECT DISTINCT ON (t.team) t.team, t.account, t.noted_at FROM cloud_token_accounts AS t
        WHERE t.team IS NOT NULL ORDER BY t.team, t.noted_at DESC
    ) AS newest
    WHERE newest.account = k.account ORDER BY newest.noted_at DESC LIMIT 1
) AS team ON true
WHERE k.account IS NOT NULL;
