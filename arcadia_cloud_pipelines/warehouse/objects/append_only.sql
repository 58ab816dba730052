-- What keeps tables append-only.

CREATE OR REPLACE FUNCTION cloud_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
COMMENT ON FUNCTION cloud_refuse_change() IS 'Keeps a table append-only.';

-- ENABLE ALWAYS: they must hold in a session that replays changes, too.
DO $$
DECLARE
    kept text;
BEGIN
    FOREACH kept IN ARRAY ARRAY[
        'cloud_resource_events', 'cloud_schema_events', 'cloud_schema_event_rows',
        'cloud_provisioned_history', 'cloud_drift_decisions', 'cloud_invoice_revisions',
        'cloud_forecasts', 'cloud_allocation_rules', 'cloud_statement_closings',
        'cloud_statements', 'cloud_statement_lines'
    ] LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER %I BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION cloud_refuse_change()', kept || '_append_only', kept);
        EXECUTE format('CREATE OR REPLACE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION cloud_refuse_change()', kept || '_no_truncate', kept);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', kept, kept || '_append_only');
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', kept, kept || '_no_truncate');
    END LOOP;
END $$;
