-- The statements of state.py.

-- name: take_turn
SELECT pg_try_advisory_xact_lock(hashtextextended('arcadia.alarms/look', 0));

-- name: close
UPDATE cloud_alarms AS a
SET closed_at = greatest(a.opened_at, CAST(:now AS timestamptz)),
    ending = coalesce(CAST(:endings AS jsonb) ->> a.key, :ending)
WHERE a.closed_at IS NULL
    AND starts_with(a.key, :scope)
    AND (CAST(:well AS text[]) IS NULL OR a.key = ANY (CAST(:well AS text[])))
    AND a.key <> ALL (CAST(:keep AS text[]));

-- name: open
INSERT INTO cloud_alarms
    (account, kind, key, severity, subject, text, advice, opened_at, due_at)
SELECT b.account, b.kind, b.key, b.severity, b.subject, b.text, b.advice, :now,
    CAST(:now AS timestamptz) + b.wait
FROM jsonb_to_recordset(CAST(:bad AS jsonb)) AS b (
    account text, kind text, key text, severity text, subject text, text text, advice text,
    wait interval
)
WHERE NOT EXISTS (
    SELECT FROM cloud_alarms AS ended
    WHERE ended.key = b.key AND ended.closed_at > :quiet_since
        AND ended.closed_at <= CAST(:now AS timestamptz) + interval '1 minute'
        AND ended.announced_at IS NOT NULL
)
ON CONFLICT (key) WHERE closed_at IS NULL DO UPDATE
SET account = excluded.account, severity = excluded.severity, subject = excluded.subject,
    text = excluded.text, advice = excluded.advice
WHERE (cloud_alarms.account, cloud_alarms.severity, cloud_alarms.subject, cloud_alarms.text,
    cloud_alarms.advice)
    IS DISTINCT FROM
    (excluded.account, excluded.severity, excluded.subject, excluded.text, excluded.advice);

-- name: set_mark
INSERT INTO cloud_alarm_marks (name, at) VALUES (:name, :at)
ON CONFLICT (name) DO UPDATE SET at = excluded.at;

-- name: marks
SELECT name, at FROM cloud_alarm_marks;

-- name: open_alarms
SELECT id, account, kind, key, severity, subject, text, advice, opened_at, told_at, closed_at,
    ending
FROM cloud_alarms
WHERE closed_at IS NULL
ORDER BY CASE severity WHEN 'critical' THEN 0 WHEN 'error' THEN 1 ELSE 2 END, opened_at, id;

-- name: newest_alarms
SELECT id, account, kind, key, severity, subject, text, advice, opened_at, told_at, closed_at,
    ending
FROM cloud_alarms
ORDER BY opened_at DESC, id DESC
LIMIT :limit;
