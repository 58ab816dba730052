-- The statements of calls.py. The token is a digest; times are the database's, one clock for all.

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('arcadia.budget/' || :token, 0));

-- name: take
-- Seconds until a call may be made; 0 means now, and that it is counted. Of each limit the newest
-- second decides since which as many calls were made as it allows: when that second leaves the
-- window, one is free. It counts until all of it has left.
WITH clock AS (
    SELECT coalesce(CAST(:now AS timestamptz), clock_timestamp()) AS now
), limits AS (
    SELECT l.path, l.requests * coalesce(g.factor, 1) AS requests,
        make_interval(secs => l.seconds + 1) AS kept
    FROM unnest(
        CAST(:paths AS text[]), CAST(:requests AS bigint[]), CAST(:seconds AS float8[])
    ) AS l (path, requests, seconds)
    CROSS JOIN clock
    -- Each process says again what is granted; a grant that nobody confirms is over.
    LEFT JOIN cloud_api_grants AS g
        ON g.token = :token AND l.path = '' AND g.noted_at > clock.now - INTERVAL '1 day'
), spent AS (
    SELECT l.requests, c.second + l.kept AS free_at,
        sum(c.calls) OVER (PARTITION BY l.path, l.kept ORDER BY c.second DESC) AS since
    FROM limits AS l
    CROSS JOIN clock
    JOIN cloud_api_calls AS c
        ON c.token = :token AND c.path = l.path AND c.second > clock.now - l.kept
), waiting AS (
    SELECT coalesce(max(extract(epoch FROM spent.free_at - clock.now)), 0) AS seconds
    FROM spent CROSS JOIN clock
    WHERE spent.since >= spent.requests
), counted AS (
    INSERT INTO cloud_api_calls AS c (token, path, second, calls)
    SELECT DISTINCT :token, limits.path, date_trunc('second', clock.now), 1
    FROM limits CROSS JOIN clock CROSS JOIN waiting
    WHERE waiting.seconds <= 0
    ON CONFLICT (token, path, second) DO UPDATE SET calls = c.calls + 1
), forgotten AS (
    DELETE FROM cloud_api_calls AS c
    USING clock
    WHERE c.token = :token AND c.second < clock.now - INTERVAL '2 hours'
)
SELECT CAST(seconds AS float8) FROM waiting;

-- name: grant
INSERT INTO cloud_api_grants (token, factor, noted_at)
VALUES (:token, :factor, coalesce(CAST(:now AS timestamptz), clock_timestamp()))
ON CONFLICT (token) DO UPDATE SET factor = excluded.factor, noted_at = excluded.noted_at;

-- name: last_hour
SELECT coalesce(sum(calls), 0)
FROM cloud_api_calls
WHERE token = :token AND path = '' AND second > clock_timestamp() - INTERVAL '1 hour';
