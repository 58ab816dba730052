-- The statements of answers.py, on the schema marts.

-- name: last_month
SELECT period, amount FROM marts.billing_months
WHERE account = :account AND is_last_closed;

-- name: by_project
SELECT coalesce(project_name, 'no project') AS name, sum(amount) AS amount
FROM marts.cost_by_project WHERE account = :account AND period = :period
GROUP BY 1 ORDER BY 2 DESC, 1;

-- name: this_month
SELECT m.period, m.amount_so_far, m.invoiced_so_far, m.last_month_so_far,
       m.last_month_invoiced_so_far, m.as_of, f.low, f.expected, f.high
FROM marts.month_to_date AS m
LEFT JOIN marts.forecast AS f
    ON f.account = m.account AND f.period = m.period AND f.method = 'structure'
WHERE m.account = :account;

-- name: waste
SELECT reason, count(*) AS resources, coalesce(sum(monthly_amount), 0) AS amount
FROM marts.savings WHERE account = :account GROUP BY reason ORDER BY 3 DESC, 1;

-- name: drift
SELECT drift_id, kind, name, field, desired #>> '{}' AS desired, actual #>> '{}' AS actual,
       monthly_delta
FROM marts.open_drift WHERE account = :account
ORDER BY abs(monthly_delta) DESC NULLS LAST, drift_id;

-- name: nobodys
SELECT reason, count(*) AS resources, coalesce(sum(monthly_amount), 0) AS amount
FROM marts.resources_without_tenant WHERE account = :account
GROUP BY reason ORDER BY 3 DESC, 1;
