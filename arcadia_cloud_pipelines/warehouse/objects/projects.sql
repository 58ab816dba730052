-- Who classified a project, and from when to when it is a tenant's.

-- A value that is written without saying by whom is a person's, in psql for example.
CREATE OR REPLACE FUNCTION cloud_classified_by_hand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.tenant_id IS NOT NULL AND NEW.tenant_id_by IS NULL THEN
            NEW.tenant_id_by := 'hand';
        END IF;
        IF NEW.purpose IS NOT NULL AND NEW.purpose_by IS NULL THEN
            NEW.purpose_by := 'hand';
        END IF;
    ELSIF current_setting('arcadia.classified_by', true) IS DISTINCT FROM 'rule' THEN
        IF NEW.tenant_id IS DISTINCT FROM OLD.tenant_id
            AND NEW.tenant_id_by IS NOT DISTINCT FROM OLD.tenant_id_by THEN
            NEW.tenant_id_by := 'hand';
        END IF;
        IF NEW.purpose IS DISTINCT FROM OLD.purpose
            AND NEW.purpose_by IS NOT DISTINCT FROM OLD.purpose_by THEN
            NEW.purpose_by := 'hand';
        END IF;
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION cloud_classified_by_hand() IS 'Marks what was not set by the rules as set by hand, which they leave alone.';

CREATE OR REPLACE TRIGGER cloud_projects_classified
    BEFORE INSERT OR UPDATE OF tenant_id, purpose ON cloud_projects
    FOR EACH ROW EXECUTE FUNCTION cloud_classified_by_hand();

CREATE OR REPLACE FUNCTION cloud_date_tenancy() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    instant timestamptz := clock_timestamp();
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.tenant_id IS NOT NULL THEN
            INSERT INTO cloud_project_tenancies (project_id, tenant_id)
            VALUES (NEW.id, NEW.tenant_id);
        END IF;
        RETURN NULL;
    END IF;
    IF NEW.tenant_id IS NOT DISTINCT FROM OLD.tenant_id THEN
        RETURN NULL;
    END IF;
    UPDATE cloud_project_tenancies SET valid_to = greatest(instant, valid_from)
    WHERE project_id = NEW.id AND valid_to IS NULL;
    IF NEW.tenant_id IS NOT NULL THEN
        -- The sync that discovers a project classifies it a moment later: nothing is known of it
        -- from before, so it was the tenant's from the beginning.
        INSERT INTO cloud_project_tenancies (project_id, tenant_id, valid_from)
        SELECT NEW.id, NEW.tenant_id, CASE
            WHEN NEW.first_seen_at BETWEEN instant - interval '1 hour' AND instant
                AND NOT EXISTS (
                    SELECT FROM cloud_project_tenancies WHERE project_id = NEW.id
                ) THEN NULL
            ELSE instant
        END;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION cloud_date_tenancy() IS 'Writes down from when to when a project is a tenant''s.';

CREATE OR REPLACE TRIGGER cloud_projects_tenancy
    AFTER INSERT OR UPDATE OF tenant_id ON cloud_projects
    FOR EACH ROW EXECUTE FUNCTION cloud_date_tenancy();
