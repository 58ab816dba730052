-- The statements of accounts.py. Parameters: :token, :person and :fallback (digests), :account,
-- :source, :better (the sources that are better than it).

-- name: better
-- The account that was named better before, if there was one: for this token, for the same person,
-- or, where the owner of the default project is all there is, for the deployment. Nothing where
-- :account is an account that is known.
SELECT account
FROM (
    SELECT t.account, 1 AS rank, t.noted_at
    FROM cloud_token_accounts AS t
    WHERE t.token = :token AND t.source = ANY (CAST(:better AS text[]))
    UNION ALL
    SELECT t.account, 2, t.noted_at
    FROM cloud_token_accounts AS t
    WHERE t.person = :fallback AND t.source = ANY (CAST(:better AS text[]))
    UNION ALL
    SELECT s.account, 3, s.started_at
    FROM cloud_sync_runs AS s
    WHERE :source = 'project' AND s.account IS NOT NULL
      AND NOT EXISTS (SELECT FROM cloud_sync_runs AS k WHERE k.account = :account)
) AS known
ORDER BY rank, noted_at DESC
LIMIT 1;

-- name: known
SELECT account FROM cloud_token_accounts WHERE token = :token;

-- name: remember
INSERT INTO cloud_token_accounts AS t (token, account, source, person)
VALUES (:token, :account, :source, :person)
ON CONFLICT (token) DO UPDATE
SET account = excluded.account, source = excluded.source, person = excluded.person,
    noted_at = now()
WHERE (t.account, t.source, t.person)
    IS DISTINCT FROM (excluded.account, excluded.source, excluded.person);
