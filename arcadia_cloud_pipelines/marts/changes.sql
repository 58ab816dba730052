/*
comment = """
What changed? One row a field and event, newest last. Replaying the rows of a resource in the order
of event_id gives its row of today.
"""
grain = ["event_id", "resource_id", "field"]
example = """
SELECT occurred_at, kind, name, event, field, was, "is" FROM marts.changes
WHERE occurred_at > now() - interval '7 days' AND event <> 'discovered'
ORDER BY occurred_at DESC LIMIT 50
"""
[columns]
event_id = "The event: id of cloud_resource_events, or of cloud_schema_events. Events apply in this order."
occurred_at = "Start of the listing that showed it. The change came between it and the listing before."
event = "discovered, updated, tagged, deleted or restored; schema_changed where the API began to tell a field of all resources of the kind."
field = "The field that changed. Null for an event without fields."
was = "The value before, as JSON. Null for none."
is = "The value after, as JSON. Null for none."
cause = "What was done, by the account's log of actions: resize, rename, power_off and so on. Null where no action between the listing before and this one explains it, or the log was not read."
cause_at = "When that was done. Null as cause is."
actor = "Who did it. Always unknown: DigitalOcean does not say."
as_of = "The listing that showed it."
complete = "Always true: a change that was seen is a fact."
*/
SELECT
    e.account,
    e.id AS event_id,
    e.occurred_at,
    e.event,
    e.resource_id,
    r.kind,
    r.name,
    r.project_id,
    change.key AS field,
    nullif(change.value -> 'from', 'null') AS was,
    nullif(change.value -> 'to', 'null') AS "is",
    why.type AS cause,
    why.started_at AS cause_at,
    'unknown' AS actor,
    e.occurred_at AS as_of,
    true AS complete
FROM (
    SELECT account, id, occurred_at, event, resource_id, changes
    FROM public.cloud_resource_events
    WHERE event <> 'drift_detected'
    UNION ALL
    SELECT s.account, s.id, s.occurred_at, 'schema_changed', took.resource_id,
        jsonb_build_object(s.field, jsonb_build_object('from', NULL, 'to', took.value))
    FROM public.cloud_schema_events AS s
    JOIN public.cloud_schema_event_rows AS took ON took.schema_event_id = s.id
) AS e
JOIN public.cloud_resources AS r ON r.id = e.resource_id
LEFT JOIN public.cloud_kinds AS k ON k.kind = r.kind
LEFT JOIN LATERAL jsonb_each(e.changes) AS change ON true
LEFT JOIN LATERAL (
    SELECT a.type, a.started_at
    FROM public.cloud_actions AS a
    WHERE a.account = e.account AND a.provider_id = r.provider_id
      AND a.kind = coalesce(k.goes_by, r.kind)
      AND a.status <> 'errored'
      AND a.started_at <= e.occurred_at + interval '1 minute'
      -- A deletion is believed some listings later, and what is found first is as old as it likes.
      AND (e.event IN ('deleted', 'discovered') OR a.started_at > coalesce((
        SELECT s.started_at FROM public.cloud_sync_runs AS s
        WHERE s.kind = r.kind AND s.account = e.account AND s.complete AND s.started_at < e.occurred_at
        ORDER BY s.started_at DESC LIMIT 1
      ), '-infinity') - interval '1 minute')
      AND CASE
        WHEN e.event = 'schema_changed' THEN false
        WHEN e.event = 'discovered' THEN a.type = 'create'
        WHEN e.event = 'deleted' THEN a.type = 'destroy'
        WHEN e.event = 'restored' THEN a.type IN ('create', 'restore')
        WHEN change.key = 'size_slug' THEN a.type = 'resize'
        WHEN change.key IN ('memory', 'vcpus', 'disk', 'size', 'gpu_info', 'disk_info')
            THEN a.type IN ('resize', 'rebuild')
        WHEN change.key = 'name' THEN a.type = 'rename'
        WHEN change.key = 'status' THEN a.type IN (
            'power_on', 'power_off', 'power_cycle', 'shutdown', 'reboot', 'resize', 'restore',
            'rebuild', 'migrate', 'snapshot'
        )
        WHEN change.key = 'region' THEN a.type IN ('transfer', 'migrate')
        WHEN change.key = 'image' THEN a.type IN ('rebuild', 'restore')
        WHEN change.key = 'volume_ids' THEN a.type IN ('attach_volume', 'detach_volume')
        WHEN change.key IN ('features', 'backup_ids', 'networks') THEN a.type IN (
            'enable_backups', 'disable_backups', 'enable_ipv6', 'enable_private_networking',
            'change_backup_policy', 'assign_ip', 'unassign_ip'
        )
        ELSE false
      END
    ORDER BY a.started_at DESC, a.action_id DESC LIMIT 1
) AS why ON true
