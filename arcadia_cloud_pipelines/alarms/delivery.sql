-- The statements of delivery.py.

-- name: due
-- Alarms to be told, and messages that wait for a channel that is not configured any more.
SELECT id, 'opened' AS phase, kind, severity, subject, account
FROM cloud_alarms
WHERE closed_at IS NULL AND announced_at IS NULL
    -- Or it was opened by a clock that was ahead: nobody would be told until then.
    AND (due_at <= :now OR opened_at > CAST(:now AS timestamptz) + interval '1 minute')
UNION
SELECT a.id, d.phase, a.kind, a.severity, a.subject, a.account
FROM cloud_alarm_deliveries AS d
JOIN cloud_alarms AS a ON a.id = d.alarm_id
WHERE d.sent_at IS NULL AND d.channel <> ALL (CAST(:known AS text[]))
ORDER BY 1, 2;

-- name: address
INSERT INTO cloud_alarm_deliveries (alarm_id, phase, channel, due_at)
SELECT r.alarm, r.phase, r.channel, :now
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (alarm bigint, phase text, channel text)
ON CONFLICT (alarm_id, phase, channel) DO NOTHING;

-- name: drop_unknown
DELETE FROM cloud_alarm_deliveries
WHERE sent_at IS NULL AND channel <> ALL (CAST(:known AS text[]))
    AND alarm_id = ANY (CAST(:ids AS bigint[]));

-- name: announced
UPDATE cloud_alarms SET announced_at = :now
WHERE id = ANY (CAST(:ids AS bigint[])) AND announced_at IS NULL;

-- name: announce_endings
-- Whoever was told, or is still to be told, of the beginning is told of the end.
WITH ended AS (
    UPDATE cloud_alarms SET ending_announced_at = :now
    WHERE closed_at IS NOT NULL AND announced_at IS NOT NULL AND ending_announced_at IS NULL
    RETURNING id
)
INSERT INTO cloud_alarm_deliveries (alarm_id, phase, channel, due_at)
SELECT d.alarm_id, 'closed', d.channel, :now
FROM ended JOIN cloud_alarm_deliveries AS d ON d.alarm_id = ended.id AND d.phase = 'opened';

-- name: waiting
SELECT DISTINCT channel FROM cloud_alarm_deliveries
WHERE sent_at IS NULL AND channel = ANY (CAST(:known AS text[]))
ORDER BY channel;

-- name: take_channel
SELECT pg_try_advisory_xact_lock(hashtextextended('arcadia.alarms/channel/' || :channel, 0));

-- name: unsent
SELECT d.id, d.phase, d.attempts, d.due_at, a.severity, a.subject, a.text, a.advice, a.ending
FROM cloud_alarm_deliveries AS d
JOIN cloud_alarms AS a ON a.id = d.alarm_id
WHERE d.channel = :channel AND d.sent_at IS NULL
ORDER BY d.id;

-- name: last_sent
SELECT max(sent_at) FROM cloud_alarm_deliveries WHERE channel = :channel;

-- name: sent
UPDATE cloud_alarm_deliveries SET sent_at = :now, error = NULL
WHERE id = ANY (CAST(:ids AS bigint[]));

-- name: told
UPDATE cloud_alarms AS a
SET told_at = CASE WHEN d.opened THEN coalesce(a.told_at, :now) ELSE a.told_at END,
    ending_told_at = CASE WHEN d.closed THEN coalesce(a.ending_told_at, :now)
        ELSE a.ending_told_at END
FROM (
    SELECT alarm_id, bool_or(phase = 'opened') AS opened, bool_or(phase = 'closed') AS closed
    FROM cloud_alarm_deliveries WHERE id = ANY (CAST(:ids AS bigint[])) GROUP BY alarm_id
) AS d
WHERE a.id = d.alarm_id;

-- name: failed
UPDATE cloud_alarm_deliveries SET attempts = attempts + 1, due_at = :due, error = :error
WHERE id = ANY (CAST(:ids AS bigint[]));
