-- The statements of prepayment.py. Parameters: :account, :read_at, and what was read.

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('arcadia.prepayment/' || :account, 0));

-- name: seen_again
UPDATE cloud_prepayments AS p
SET last_read_at = greatest(p.last_read_at, CAST(:read_at AS timestamptz))
WHERE p.id = (
    SELECT n.id FROM cloud_prepayments AS n WHERE n.account = :account ORDER BY n.id DESC LIMIT 1
)
AND (p.balance, p.spend_limit, p.prepay_threshold, p.blocked, p.eligible) IS NOT DISTINCT FROM (
    CAST(:balance AS numeric), CAST(:spend_limit AS numeric), CAST(:prepay_threshold AS numeric),
    CAST(:blocked AS boolean), CAST(:eligible AS boolean)
);

-- name: append
INSERT INTO cloud_prepayments (
    account, balance, spend_limit, prepay_threshold, blocked, eligible, first_read_at, last_read_at
)
VALUES (
    :account, :balance, :spend_limit, :prepay_threshold, :blocked, :eligible, :read_at, :read_at
);
