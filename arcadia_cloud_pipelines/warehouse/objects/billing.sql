-- Lines of invoices, kept months and statements.

-- An invoice made before the month's end bills a part of it. One dated after the end proves that
-- the month is over, whatever our clock says; the one that ends it may be dated some hours early.
CREATE OR REPLACE FUNCTION cloud_month_is_billed(of_account text, month date, at timestamptz)
RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM cloud_invoices AS i
        CROSS JOIN LATERAL (
            SELECT (month + interval '1 month') AT TIME ZONE 'UTC' AS ends_at
        ) AS over
        WHERE i.account = of_account AND i.period = month
          AND (
            i.issued_at >= over.ends_at
            OR at >= over.ends_at
              AND coalesce(i.issued_at, i.first_seen_at) >= over.ends_at - interval '12 hours'
          )
    )
$$;
COMMENT ON FUNCTION cloud_month_is_billed(text, date, timestamptz) IS 'Whether a month (its first day) of an account is over (at an instant, by our clock or by the date of its invoice) and its last invoice has arrived. An invoice within the month does not end it.';

-- How a line of an invoice goes on within its month.
CREATE OR REPLACE FUNCTION cloud_charge_class(product text, description text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN product ~* '\m(tax|taxes|vat|gst|hst|pst|qst)\M' THEN 'tax'
        WHEN product ~* '\m(credits?|adjustments?|discounts?|promo|promotional|refunds?|bonus|trial|rebates?)\M'
            THEN 'credit'
        WHEN product ~* '\m(bandwidth|overages?|egress|data transfer|serverless inference|functions?)\M'
            OR description ~* '\m(overages?|tokens|gib-seconds)\M' THEN 'counted'
        WHEN product ~* '\m(support|subscription)\M' THEN 'fee'
        WHEN product ~* '\mbackups?\M' THEN 'backup'
        WHEN product ~* '\mgpu\M' OR description ~* '\(gpu-[^()]*\)\s*$' THEN 'gpu'
        ELSE 'run'
    END
$$;
COMMENT ON FUNCTION cloud_charge_class(text, text) IS 'How a line of an invoice goes on within its month, by its product and text. tax and credit: no use. fee: the same whenever it is looked at. counted: by what was used, such as traffic. backup: a share of its droplet. gpu: a droplet that is often made for some hours. run: by the hour while it runs.';

CREATE OR REPLACE FUNCTION cloud_take_out_months() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- keep_months takes this lock alone: it keeps no month while one who changes its lines has not
    -- committed, and who changes them after it finds the month kept, and takes it out.
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('arcadia.kept_months', 0));
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM cloud_kept_months;
    ELSE
        DELETE FROM cloud_kept_months AS m
        USING (SELECT DISTINCT account, period FROM changed_lines) AS c
        WHERE m.account = c.account AND m.period = c.period;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION cloud_take_out_months() IS 'Takes the months whose lines change out of cloud_kept_months, so that views make their sums from the lines until they are kept again.';

CREATE OR REPLACE TRIGGER cloud_cost_lines_added AFTER INSERT ON cloud_cost_lines
    REFERENCING NEW TABLE AS changed_lines
    FOR EACH STATEMENT EXECUTE FUNCTION cloud_take_out_months();

CREATE OR REPLACE TRIGGER cloud_cost_lines_removed AFTER DELETE ON cloud_cost_lines
    REFERENCING OLD TABLE AS changed_lines
    FOR EACH STATEMENT EXECUTE FUNCTION cloud_take_out_months();

-- A line may move to another month: both change.
CREATE OR REPLACE TRIGGER cloud_cost_lines_changed_from AFTER UPDATE ON cloud_cost_lines
    REFERENCING OLD TABLE AS changed_lines
    FOR EACH STATEMENT EXECUTE FUNCTION cloud_take_out_months();

CREATE OR REPLACE TRIGGER cloud_cost_lines_changed_to AFTER UPDATE ON cloud_cost_lines
    REFERENCING NEW TABLE AS changed_lines
    FOR EACH STATEMENT EXECUTE FUNCTION cloud_take_out_months();

CREATE OR REPLACE TRIGGER cloud_cost_lines_emptied AFTER TRUNCATE ON cloud_cost_lines
    FOR EACH STATEMENT EXECUTE FUNCTION cloud_take_out_months();

-- Append-only is not enough: a further line would change a statement that is out.
CREATE OR REPLACE FUNCTION cloud_refuse_further_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    other bigint;
BEGIN
    SELECT s.id INTO other
    FROM cloud_statements AS s
    JOIN cloud_statement_lines AS l ON l.statement_id = s.id
    WHERE s.id IN (SELECT statement_id FROM added)
    GROUP BY s.id
    HAVING count(*) <> s.line_count
        OR coalesce(sum(l.amount) FILTER (WHERE NOT l.is_correction), 0) <> s.amount
        OR coalesce(sum(l.amount) FILTER (WHERE l.is_correction), 0) <> s.corrections
        OR bool_or(l.tenant_id IS DISTINCT FROM s.tenant_id)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'statement % is append-only: these lines do not give what it says', other
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION cloud_refuse_further_lines() IS 'Keeps a statement to the lines that it was closed with.';

CREATE OR REPLACE TRIGGER cloud_statement_lines_whole_append_only
    AFTER INSERT ON cloud_statement_lines REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION cloud_refuse_further_lines();
ALTER TABLE cloud_statement_lines ENABLE ALWAYS TRIGGER cloud_statement_lines_whole_append_only;
