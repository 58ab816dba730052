-- The statements of account_facts.py, in the order in which it runs them. Parameters: :account,
-- :seen_at.

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('arcadia.account_facts/' || :account, 0));

-- name: create_listed
CREATE TEMP TABLE listed_facts (name text PRIMARY KEY, value text NOT NULL) ON COMMIT DROP;

-- name: close_changed
-- A fact that the account no longer says ends too.
UPDATE cloud_account_facts AS f
SET valid_to = greatest(CAST(:seen_at AS timestamptz), f.valid_from)
WHERE f.account = :account AND f.valid_to IS NULL
  AND NOT EXISTS (SELECT FROM listed_facts AS l WHERE l.name = f.name AND l.value = f.value);

-- name: open_new
INSERT INTO cloud_account_facts (account, name, value, valid_from)
SELECT :account, l.name, l.value, greatest(CAST(:seen_at AS timestamptz), (
    SELECT max(f.valid_to) FROM cloud_account_facts AS f
    WHERE f.account = :account AND f.name = l.name
))
FROM listed_facts AS l
WHERE NOT EXISTS (
    SELECT FROM cloud_account_facts AS f
    WHERE f.account = :account AND f.name = l.name AND f.valid_to IS NULL
);
