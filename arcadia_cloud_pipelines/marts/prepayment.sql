/*
comment = """
Is usage about to be stopped? One row an account that pays in advance, as DigitalOcean last said.
Accounts of which it says nothing are not listed.
"""
grain = ["account"]
example = "SELECT balance, spend_limit, blocked, days_left FROM marts.prepayment WHERE blocked OR days_left < 7"
[columns]
balance = "US dollars that are paid and not used. Null where DigitalOcean does not say."
spend_limit = "US dollars that a month may cost. Null where DigitalOcean does not say."
prepay_threshold = "US dollars of balance at which more is charged. Null where DigitalOcean does not say."
blocked = "True when usage is stopped. Null where DigitalOcean does not say."
eligible = "True when the team may pay in advance. Null where DigitalOcean does not say."
daily_usage = "US dollars a day: what the rest of the month is forecast to cost, else what the month has used so far, invoiced or not, by its days. Null where neither is known."
days_left = "Days until the balance is used up at daily_usage. Null where one of them is not known, or nothing is used."
since = "When it was first read as it is."
as_of = "When it was last read."
complete = "True when it was read within the last two days and says balance and blocked."
*/
SELECT DISTINCT ON (p.account)
    p.account, p.balance, p.spend_limit, p.prepay_threshold, p.blocked, p.eligible,
    round(used.daily, 2) AS daily_usage,
    CASE WHEN p.balance <= 0 THEN 0
        -- More may be credited than used. And a day's crumb of a large balance lasts for ever.
        WHEN used.daily > 0 THEN CAST(least(floor(p.balance / used.daily), 999999) AS integer)
    END AS days_left,
    'USD' AS currency,
    p.first_read_at AS since,
    p.last_read_at AS as_of,
    p.last_read_at > now() - interval '2 days' AND p.balance IS NOT NULL AND p.blocked IS NOT NULL
        AS complete
FROM public.cloud_prepayments AS p
LEFT JOIN marts.forecast AS f
    ON f.account = p.account AND f.method = 'structure' AND f.as_of > now() - interval '3 days'
LEFT JOIN marts.month_to_date AS m ON m.account = p.account
CROSS JOIN LATERAL (
    SELECT coalesce(
        greatest(f.expected - f.so_far, 0) / nullif(CAST(extract(epoch FROM
            (f.period + interval '1 month') AT TIME ZONE 'UTC' - f.known_until) AS numeric) / 86400, 0),
        (m.amount_so_far + m.invoiced_so_far) / nullif(CAST(extract(epoch FROM
            m.as_of - m.period::timestamp AT TIME ZONE 'UTC') AS numeric) / 86400, 0)
    ) AS daily
) AS used
ORDER BY p.account, p.id DESC
