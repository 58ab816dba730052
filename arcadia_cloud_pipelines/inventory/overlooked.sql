-- The statements of overlooked.py. Parameters :account and :named (kinds whose identity is a name, which
-- another account may use, too); others are named where they are used.

-- name: members
-- Overlooked is a member that was there before a complete listing of its kind began, and still
-- there when all projects were read after it, and has no live row. What was made or deleted in
-- between proves nothing. The sync row of the unknown kind is complete when every project's list
-- was read. A database's replica and a droplet's snapshot go by the type of urn of database and
-- image.
WITH member AS (
    SELECT
        m.kind, m.urn,
        NOT EXISTS (
            SELECT FROM cloud_resources AS r
            WHERE r.provider = m.provider AND r.provider_id = m.provider_id
              AND (r.account = m.account OR r.kind <> ALL (CAST(:named AS text[])))
              AND r.deleted_at IS NULL AND (r.kind = m.kind OR r.kind IN (
                SELECT k.kind FROM cloud_kinds AS k WHERE k.goes_by = m.kind
              ))
        ) AND EXISTS (
            SELECT FROM cloud_sync_runs AS s
            WHERE s.provider = m.provider AND s.account = m.account AND s.kind = m.kind
              AND s.complete AND s.started_at > m.valid_from AND s.started_at < (
                SELECT max(p.started_at) FROM cloud_sync_runs AS p
                WHERE p.provider = m.provider AND p.account = m.account AND p.kind = 'unknown'
                  AND p.complete
              )
        ) AS overlooked
    FROM cloud_project_memberships AS m
    JOIN cloud_projects AS p ON p.id = m.project_id AND p.deleted_at IS NULL
    WHERE m.provider = 'digitalocean' AND m.account = :account AND m.valid_to IS NULL
      AND m.kind <> 'unknown' AND m.listed_by = 'project'
)
SELECT
    kind, count(*) AS mentioned, count(*) FILTER (WHERE overlooked) AS overlooked,
    (array_agg(urn ORDER BY urn))[1:5] AS seen,
    (array_agg(urn ORDER BY urn) FILTER (WHERE overlooked))[1:5] AS examples
FROM member
GROUP BY kind
ORDER BY kind;

-- name: unknown
-- The identity of such a row is its urn.
SELECT
    split_part(provider_id, ':', 2) AS urn_type, count(*) AS recorded,
    (array_agg(provider_id ORDER BY provider_id))[1:5] AS examples
FROM cloud_resources
WHERE provider = 'digitalocean' AND account = :account AND kind = 'unknown' AND deleted_at IS NULL
GROUP BY 1
ORDER BY 1;

-- name: tagged
-- What the API counts of each tag and counter (:tags, :counters, :counts), where fewer live rows
-- carry it. :kinds and :of say which kinds belong to which counter. Spellings of a tag that differ
-- in case are one tag; where the API gives several, the greatest count stands.
WITH counted AS (
    SELECT
        lower(c.tag) AS tag, min(c.tag) AS spelling, c.counter, max(c.mentioned) AS mentioned
    FROM unnest(
        CAST(:tags AS text[]), CAST(:counters AS text[]), CAST(:counts AS bigint[])
    ) AS c (tag, counter, mentioned)
    GROUP BY lower(c.tag), c.counter
), recorded AS (
    SELECT lower(t.tag) AS tag, k.counter, count(DISTINCT r.provider_id) AS recorded
    FROM cloud_resources AS r
    JOIN unnest(CAST(:kinds AS text[]), CAST(:of AS text[])) AS k (kind, counter) ON k.kind = r.kind
    CROSS JOIN LATERAL unnest(r.tags) AS t (tag)
    WHERE r.provider = 'digitalocean' AND r.account = :account AND r.deleted_at IS NULL
    GROUP BY 1, 2
)
SELECT spelling AS tag, counter, mentioned, coalesce(recorded, 0) AS recorded
FROM counted LEFT JOIN recorded USING (tag, counter)
WHERE mentioned > coalesce(recorded, 0)
ORDER BY tag, counter;
