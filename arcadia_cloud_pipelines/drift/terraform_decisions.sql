-- The statements of terraform_decisions.py.

-- name: source
SELECT status FROM cloud_provisioned_sources WHERE source = :source;

-- name: release
UPDATE cloud_provisioned_sources
SET held = NULL, status = 'ok', problem = NULL, problem_since = NULL WHERE source = :source;

-- name: retire
DELETE FROM cloud_provisioned_sources WHERE source = :source;

-- name: reset_serial
UPDATE cloud_provisioned_sources SET serial = NULL WHERE source = :source;

-- name: sources
SELECT s.source, s.path, s.serial, s.status, s.problem, s.problem_since, s.read_at, (
    SELECT count(*) FROM cloud_provisioned AS p WHERE p.source_spec ? s.source
) AS specs
FROM cloud_provisioned_sources AS s
ORDER BY s.path, s.source NULLS FIRST;
