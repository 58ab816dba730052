/*
comment = """
Which project is meant by a name on an invoice? One row an account and name. Names are unique in a
team at one time; of several projects that had one name, the newest is meant.
"""
grain = ["account", "name"]
example = "SELECT name, project_id FROM marts.project_names ORDER BY name"
[columns]
name = "Name of the project, in lower case."
project_id = "The project: cloud_projects.id."
as_of = "When the project was last listed."
complete = "Always true: what was listed is a fact."
*/
SELECT DISTINCT ON (p.account, lower(p.name))
    p.account, lower(p.name) AS name, p.id AS project_id, p.last_seen_at AS as_of, true AS complete
FROM public.cloud_projects AS p
ORDER BY p.account, lower(p.name), p.deleted_at DESC NULLS FIRST, p.id DESC
