-- The statements of rates.py, in the order in which it runs them. Parameters: :account, :seen_at.

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('arcadia.rates/' || :account, 0));

-- name: create_listed
CREATE TEMP TABLE listed_rates (
    size_slug text PRIMARY KEY,
    hourly numeric NOT NULL,
    monthly numeric NOT NULL
) ON COMMIT DROP;

-- name: close_changed
UPDATE cloud_rates AS r
SET valid_to = greatest(CAST(:seen_at AS timestamptz), r.valid_from)
FROM listed_rates AS l
WHERE r.account = :account AND r.valid_to IS NULL AND r.size_slug = l.size_slug
  AND (r.hourly, r.monthly) IS DISTINCT FROM (l.hourly, l.monthly);

-- name: open_new
INSERT INTO cloud_rates (account, size_slug, hourly, monthly, valid_from)
SELECT :account, l.size_slug, l.hourly, l.monthly, greatest(CAST(:seen_at AS timestamptz), (
    -- Never two prices at one instant, also after a clock that was ahead.
    SELECT max(r.valid_to) FROM cloud_rates AS r
    WHERE r.account = :account AND r.size_slug = l.size_slug
))
FROM listed_rates AS l
WHERE NOT EXISTS (
    SELECT FROM cloud_rates AS r
    WHERE r.account = :account AND r.size_slug = l.size_slug AND r.valid_to IS NULL
);
