-- The statements of dagster_pools.py, for Dagster's own database (dagster 1.13).

-- name: take_slot
-- A free slot: in the step's turn, or one for which nobody waits.
UPDATE concurrency_slots SET run_id = :run_id, step_key = :step_key
WHERE id = (
    SELECT s.id FROM concurrency_slots AS s
    WHERE s.concurrency_key = :pool AND s.step_key IS NULL AND NOT s.deleted
        AND (
            :in_turn OR NOT EXISTS (SELECT FROM pending_steps AS p WHERE p.concurrency_key = :pool)
        )
    ORDER BY s.id LIMIT 1
    FOR UPDATE SKIP LOCKED
);

-- name: call_next
-- Have the first of the line go where a slot is free and nobody who was called still has to take it.
UPDATE pending_steps SET assigned_timestamp = CURRENT_TIMESTAMP
WHERE id = (
    SELECT p.id FROM pending_steps AS p
    WHERE p.concurrency_key = :pool AND p.assigned_timestamp IS NULL
        AND EXISTS (
            SELECT FROM concurrency_slots AS s
            WHERE s.concurrency_key = :pool AND s.step_key IS NULL AND NOT s.deleted
        )
        AND NOT EXISTS (
            SELECT FROM pending_steps AS called
            WHERE called.concurrency_key = :pool AND called.assigned_timestamp IS NOT NULL
                AND NOT EXISTS (
                    SELECT FROM concurrency_slots AS s
                    WHERE s.run_id = called.run_id AND s.step_key = called.step_key
                )
        )
    ORDER BY p.priority DESC, p.create_timestamp LIMIT 1
    FOR UPDATE SKIP LOCKED
);

-- name: leave_slot
-- Whether the step stood in the line, or its slot is one that was taken away meanwhile.
WITH freed AS (
    UPDATE concurrency_slots SET run_id = NULL, step_key = NULL
    WHERE run_id = :run_id AND step_key = :step_key AND NOT deleted
)
SELECT EXISTS (SELECT FROM pending_steps WHERE run_id = :run_id AND step_key = :step_key)
    OR EXISTS (
        SELECT FROM concurrency_slots WHERE run_id = :run_id AND step_key = :step_key AND deleted
    );

-- name: run_ids
SELECT run_id FROM pending_steps
UNION
SELECT run_id FROM concurrency_slots WHERE run_id IS NOT NULL;
