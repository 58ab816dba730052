/*
comment = """
How near are the account's limits and the API's budget? One row an account and limit.
"""
grain = ["account", "name"]
example = "SELECT name, used, limit_value, share FROM marts.limits ORDER BY share DESC NULLS LAST"
[columns]
name = "The limit as DigitalOcean calls it, such as droplet_limit; api_calls_an_hour for the API's."
kind = "Kind of resource that it limits. Null where none is known."
limit_value = "How many are allowed. 0 is no limit that DigitalOcean tells."
used = "Live resources of that kind, or calls of the busiest token in the last hour. Null where the kind is not known."
share = "used / limit_value. Null where either is not known."
since = "First reading that showed this limit."
*/
SELECT
    f.account,
    f.name,
    k.kind,
    CAST(f.value AS bigint) AS limit_value,
    live.used,
    live.used::numeric / nullif(CAST(f.value AS bigint), 0) AS share,
    f.valid_from AS since,
    fresh.as_of,
    coalesce(fresh.complete, false) AS complete
FROM public.cloud_account_facts AS f
LEFT JOIN public.cloud_kinds AS k
    ON regexp_replace(f.name, '_limit$', '') IN (k.kind, k.former_name)
LEFT JOIN marts.freshness AS fresh ON fresh.account = f.account AND fresh.source = k.kind
LEFT JOIN LATERAL (
    SELECT count(*) AS used FROM public.cloud_resources AS r
    WHERE r.account = f.account AND r.kind = k.kind AND r.deleted_at IS NULL
) AS live ON k.kind IS NOT NULL
WHERE f.valid_to IS NULL AND f.name LIKE '%\_limit' AND f.value ~ '^[0-9]{1,18}$'
UNION ALL
SELECT
    known.account, 'api_calls_an_hour', NULL, 5000, coalesce(spent.calls, 0),
    coalesce(spent.calls, 0) / 5000.0, NULL, now(), true
FROM (SELECT DISTINCT p.account FROM public.cloud_projects AS p) AS known
CROSS JOIN LATERAL (
    -- A token belongs to one account; one of which that is not known yet counts for none.
    SELECT max(token.calls) AS calls FROM (
        SELECT sum(c.calls) AS calls FROM public.cloud_api_calls AS c
        JOIN public.cloud_token_accounts AS whose
            ON whose.token = c.token AND whose.account = known.account
        WHERE c.path = '' AND c.second > now() - interval '1 hour' GROUP BY c.token
    ) AS token
) AS spent
