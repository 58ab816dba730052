/*
comment = """
Whose was a project, from when to when? One row a project and stay with a tenant. What the first
classification says was so before it too, for bills reach further back than we do; one that was put
right within a day never was.
"""
grain = ["project_id", "valid_from"]
example = """
SELECT project_id, tenant_id, valid_from, valid_to FROM marts.tenant_spans
WHERE valid_to IS NOT NULL ORDER BY valid_to DESC LIMIT 20
"""
[columns]
tenant_id = "The tenant that the project belonged to."
valid_from = "Begin of the stay. Null for the first one: from the beginning."
valid_to = "End of the stay, exclusive. Null while it lasts."
as_of = "When the project was last listed."
complete = "Always true: what was classified is a fact."
*/
SELECT
    p.account,
    t.project_id,
    t.tenant_id,
    CASE
        WHEN row_number() OVER (PARTITION BY t.project_id ORDER BY t.valid_from NULLS FIRST, t.id) > 1
            THEN t.valid_from
    END AS valid_from,
    t.valid_to,
    p.last_seen_at AS as_of,
    true AS complete
FROM public.cloud_project_tenancies AS t
JOIN public.cloud_projects AS p ON p.id = t.project_id
WHERE t.valid_to IS NULL
    OR t.valid_to - coalesce(t.valid_from, p.first_seen_at) >= interval '1 day'
