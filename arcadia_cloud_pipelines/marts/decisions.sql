/*
comment = """
Who accepted or ignored what, why, and until when? One row a decision on a drift, or a rule to
ignore.
"""
grain = ["decision", "decision_id"]
example = "SELECT decided_at, actor, decision, kind, name, field, reason FROM marts.decisions ORDER BY decided_at DESC LIMIT 20"
[columns]
account = "The DigitalOcean team. Null for a rule, which holds for all."
resource_id = "The resource: cloud_resources.id. Null for a rule."
kind = "Kind of the resource; of a rule the pattern of kinds."
name = "Name of the resource; of a rule the pattern of names."
decision = "accepted, ignored or what else cloud_drift_decisions says; rule for a rule to ignore."
decision_id = "The decision: cloud_drift_decisions.id, or the rule: cloud_drift_ignore_rules.id."
field = "The field that it is about."
actor = "Who decided."
reason = "Why, in their words."
decided_at = "When."
valid_until = "When a rule to ignore expires and lets the drift open again. Null for what does not expire."
as_of = "When it was decided."
complete = "Always true: the trail is append-only."
*/
SELECT
    d.account,
    d.decision,
    d.id AS decision_id,
    d.resource_id,
    r.kind,
    r.name,
    d.field,
    d.actor,
    d.reason,
    d.decided_at,
    CAST(NULL AS timestamptz) AS valid_until,
    d.decided_at AS as_of,
    true AS complete
FROM public.cloud_drift_decisions AS d
JOIN public.cloud_resources AS r ON r.id = d.resource_id
UNION ALL
SELECT
    g.account,
    'rule',
    g.id,
    NULL,
    g.kind,
    g.name_pattern,
    g.field,
    g.owner,
    g.reason,
    g.created_at,
    least(g.expires_at, g.removed_at),
    g.created_at,
    true
FROM public.cloud_drift_ignore_rules AS g
