-- Whose a project is decides what a tenant sees, so each field says who set it: what a person did
-- is never undone by the rules.

ALTER TABLE cloud_projects ADD COLUMN tenant_id_by text, ADD COLUMN purpose_by text;
COMMENT ON COLUMN cloud_projects.tenant_id_by IS 'Who set tenant_id: hand, rule (of ARCADIA_PROJECT_RULES), or null for nobody. hand with no tenant: none, whatever rules say.';
COMMENT ON COLUMN cloud_projects.purpose_by IS 'Who set purpose: hand, rule or null, likewise.';

-- There were no rules before.
UPDATE cloud_projects
SET tenant_id_by = CASE WHEN tenant_id IS NOT NULL THEN 'hand' END,
    purpose_by = CASE WHEN purpose IS NOT NULL THEN 'hand' END
WHERE tenant_id IS NOT NULL OR purpose IS NOT NULL;

ALTER TABLE cloud_projects
    ADD CONSTRAINT cloud_projects_tenant_id_by_check CHECK (
        CASE tenant_id_by WHEN 'hand' THEN true WHEN 'rule' THEN tenant_id IS NOT NULL
        ELSE tenant_id_by IS NULL AND tenant_id IS NULL END
    ),
    ADD CONSTRAINT cloud_projects_purpose_by_check CHECK (
        CASE purpose_by WHEN 'hand' THEN true WHEN 'rule' THEN purpose IS NOT NULL
        ELSE purpose_by IS NULL AND purpose IS NULL END
    );

-- A value that is written without saying by whom is a person's, in psql for example.
CREATE FUNCTION cloud_classified_by_hand() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE TRIGGER cloud_projects_classified
    BEFORE INSERT OR UPDATE OF tenant_id, purpose ON cloud_projects
    FOR EACH ROW EXECUTE FUNCTION cloud_classified_by_hand();
