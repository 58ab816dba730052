-- The statements of dagster_parts.py, asked of Dagster's own database (dagster 1.13).

-- name: heartbeats
SELECT daemon_type, timestamp AT TIME ZONE 'UTC' AS at FROM daemon_heartbeats;

-- name: closed_pools
SELECT concurrency_key FROM concurrency_limits WHERE "limit" <= 0 ORDER BY concurrency_key;

-- name: instigators
SELECT i.instigator_type, i.status, i.instigator_body, t.status AS tick_status, t.tick_body,
    t.timestamp AT TIME ZONE 'UTC' AS ticked_at
FROM instigators AS i
LEFT JOIN LATERAL (
    SELECT status, tick_body, timestamp FROM job_ticks AS t
    WHERE t.selector_id = i.selector_id ORDER BY t.timestamp DESC LIMIT 1
) AS t ON true;
