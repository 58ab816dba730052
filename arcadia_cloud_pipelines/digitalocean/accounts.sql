-- The statements of accounts.py. Parameters: :token, :person and :fallback (digests), :account,
-- :source, :better (the sources that are better than it), :team (its name; null where there is one).

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

-- name: of_team
-- What the team's newest token was found to be of: an older one may have been another account's.
SELECT account FROM cloud_token_accounts WHERE team = :team ORDER BY noted_at DESC LIMIT 1;

-- name: of_teams
SELECT DISTINCT ON (team) team, account FROM cloud_token_accounts
WHERE team = ANY (CAST(:teams AS text[]))
ORDER BY team, noted_at DESC;

-- name: holder
-- The other team of :others whose account this is, by another token.
SELECT team FROM (
    SELECT DISTINCT ON (t.team) t.team, t.account FROM cloud_token_accounts AS t
    WHERE t.team = ANY (CAST(:others AS text[])) AND t.token <> :token
    ORDER BY t.team, t.noted_at DESC
) AS newest
WHERE account = :account
ORDER BY team LIMIT 1;

-- name: remember
INSERT INTO cloud_token_accounts AS t (token, account, source, person, team)
VALUES (:token, :account, :source, :person, :team)
ON CONFLICT (token) DO UPDATE
SET account = excluded.account, source = excluded.source, person = excluded.person,
    team = excluded.team, noted_at = now()
WHERE (t.account, t.source, t.person, t.team)
    IS DISTINCT FROM (excluded.account, excluded.source, excluded.person, excluded.team);
