-- The statements of run_workers.py, for Dagster's own database.

-- name: create
CREATE TABLE IF NOT EXISTS arcadia_run_workers (
    run_id text NOT NULL,
    place text NOT NULL,
    boot text NOT NULL,
    pid bigint NOT NULL,
    started text NOT NULL,
    beat_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Until 0.1 a run had one note.
ALTER TABLE arcadia_run_workers ADD COLUMN IF NOT EXISTS step_key text NOT NULL DEFAULT '';
ALTER TABLE arcadia_run_workers DROP CONSTRAINT IF EXISTS arcadia_run_workers_pkey;
CREATE UNIQUE INDEX IF NOT EXISTS arcadia_run_workers_key
    ON arcadia_run_workers (run_id, step_key);

-- name: note
INSERT INTO arcadia_run_workers (run_id, step_key, place, boot, pid, started)
VALUES (:run_id, :step_key, :place, :boot, :pid, :started)
ON CONFLICT (run_id, step_key) DO UPDATE SET
    place = excluded.place, boot = excluded.boot, pid = excluded.pid, started = excluded.started,
    beat_at = clock_timestamp();

-- name: beat
UPDATE arcadia_run_workers SET beat_at = clock_timestamp()
WHERE (run_id, step_key) IN
    (SELECT * FROM unnest(CAST(:run_ids AS text[]), CAST(:step_keys AS text[])));

-- name: read
SELECT run_id, place, boot, pid, started, CAST(beat_at AS text) AS beat
FROM arcadia_run_workers WHERE run_id = :run_id AND step_key = :step_key;

-- name: end
-- The end of a run is the end of its steps.
DELETE FROM arcadia_run_workers
WHERE run_id = :run_id AND (step_key = :step_key OR :step_key = '');

-- name: leave
-- Another process may have noted itself meanwhile: any worker may try a step again.
DELETE FROM arcadia_run_workers
WHERE run_id = :run_id AND step_key = :step_key
    AND place = :place AND boot = :boot AND pid = :pid AND started = :started;
