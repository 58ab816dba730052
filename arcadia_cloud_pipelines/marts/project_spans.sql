/*
comment = """
In which project was a resource, from when to when? One row a resource and stay. Stays of one
resource do not overlap.
"""
grain = ["resource_id", "valid_from"]
example = """
SELECT resource_id, project_id, valid_from, valid_to FROM marts.project_spans
WHERE valid_to IS NOT NULL ORDER BY valid_to DESC LIMIT 20
"""
[columns]
valid_from = "Begin of the stay: when DigitalOcean says that it was assigned, else the first listing that showed it."
valid_to = "End of the stay, exclusive. Null while it lasts."
as_of = "The first listing that showed the stay."
complete = "Always true: a stay that was seen is a fact."
*/
-- Without a window or DISTINCT, so that who asks for few resources has few looked up, by the index on
-- memberships, and who asks for all has one join.
SELECT
    r.account,
    r.id AS resource_id,
    m.project_id,
    span.valid_from,
    span.valid_to,
    m.valid_from AS as_of,
    true AS complete
FROM public.cloud_project_memberships AS m
JOIN public.cloud_resources AS r
    ON r.provider = m.provider AND r.account = m.account AND r.kind = m.kind
    AND r.provider_id = m.provider_id
CROSS JOIN LATERAL (
    SELECT
        -- The date of assignment reaches back before the first listing. Only the first stay may use
        -- it: a later one began when the earlier one was seen to end.
        CASE
            WHEN coalesce(m.assigned_at < m.valid_from, false) AND NOT EXISTS (
                SELECT FROM public.cloud_project_memberships AS earlier
                WHERE earlier.provider = m.provider AND earlier.account = m.account
                  AND earlier.kind = m.kind
                  AND earlier.provider_id = m.provider_id AND earlier.valid_from < m.valid_from
            ) THEN m.assigned_at
            ELSE m.valid_from
        END AS valid_from,
        least(m.valid_to, (
            -- After a clock that went backwards, stays would overlap.
            SELECT later.valid_from FROM public.cloud_project_memberships AS later
            WHERE later.provider = m.provider AND later.account = m.account AND later.kind = m.kind
              AND later.provider_id = m.provider_id AND later.valid_from > m.valid_from
              AND (later.valid_to IS NULL OR later.valid_to > later.valid_from)
            ORDER BY later.valid_from LIMIT 1
        )) AS valid_to
    -- Once for each stay, and not for each line that asks for it.
    OFFSET 0
) AS span
WHERE (m.valid_to IS NULL OR m.valid_to > m.valid_from)
  -- Of several stays that began at one instant the newest row counts.
  AND NOT EXISTS (
    SELECT FROM public.cloud_project_memberships AS same
    WHERE same.provider = m.provider AND same.account = m.account AND same.kind = m.kind
      AND same.provider_id = m.provider_id
      AND same.valid_from = m.valid_from AND same.id > m.id
      AND (same.valid_to IS NULL OR same.valid_to > same.valid_from)
  )
