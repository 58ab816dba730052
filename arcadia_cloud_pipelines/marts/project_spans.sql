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
SELECT
    stay.account,
    stay.resource_id,
    stay.project_id,
    stay.valid_from,
    least(
        stay.valid_to,
        lead(stay.valid_from) OVER (
            PARTITION BY stay.resource_id ORDER BY stay.valid_from, stay.id
        )
    ) AS valid_to,
    stay.seen_at AS as_of,
    true AS complete
FROM (
    SELECT DISTINCT ON (r.id, begun.at)
        m.id,
        r.account,
        r.id AS resource_id,
        m.project_id,
        begun.at AS valid_from,
        m.valid_to,
        m.valid_from AS seen_at
    FROM public.cloud_project_memberships AS m
    JOIN public.cloud_resources AS r
        ON r.provider = m.provider AND r.kind = m.kind AND r.provider_id = m.provider_id
    CROSS JOIN LATERAL (
        -- The date of assignment reaches back before the first listing. Only the first stay may use
        -- it: a later one began when the earlier one was seen to end.
        SELECT CASE
            WHEN EXISTS (
                SELECT FROM public.cloud_project_memberships AS earlier
                WHERE earlier.provider = m.provider AND earlier.kind = m.kind
                  AND earlier.provider_id = m.provider_id AND earlier.valid_from < m.valid_from
            ) THEN m.valid_from
            ELSE least(m.assigned_at, m.valid_from)
        END AS at
    ) AS begun
    WHERE m.valid_to IS NULL OR m.valid_to > m.valid_from
    ORDER BY r.id, begun.at, m.id DESC
) AS stay
