-- What the rows of resources do by themselves.

-- The ledger skips a row whose digest is that of the listing. A row that anything else edited
-- loses its digest, so that the next sync compares it field by field and puts it right.
CREATE OR REPLACE FUNCTION cloud_forget_content_hash() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.content_hash IS NOT DISTINCT FROM OLD.content_hash THEN
        NEW.content_hash := NULL;
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION cloud_forget_content_hash() IS 'Marks a row that was not edited by the ledger.';

CREATE OR REPLACE TRIGGER cloud_resources_edited
    BEFORE UPDATE OF name, region, status, size_slug, tags, attrs, created_at ON cloud_resources
    FOR EACH ROW EXECUTE FUNCTION cloud_forget_content_hash();

CREATE OR REPLACE FUNCTION cloud_fill_account() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    -- Without the resource the row is refused by its foreign key, which says why.
    NEW.account := coalesce(
        (SELECT account FROM public.cloud_resources WHERE id = NEW.resource_id), ''
    );
    RETURN NEW;
END $$;
COMMENT ON FUNCTION cloud_fill_account() IS 'Gives a row that does not say its account that of its resource. What this release writes says it.';

DO $$
DECLARE
    of_resource text;
BEGIN
    FOREACH of_resource IN ARRAY ARRAY[
        'cloud_resource_events', 'cloud_provisioned', 'cloud_provisioned_history', 'cloud_drift',
        'cloud_drift_decisions'
    ] LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER %I BEFORE INSERT ON %I FOR EACH ROW WHEN (NEW.account IS NULL) EXECUTE FUNCTION cloud_fill_account()', of_resource || '_account', of_resource);
    END LOOP;
END $$;

-- What is desired of a resource, and what differs now, goes with it.
CREATE OR REPLACE FUNCTION cloud_follow_account() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE public.cloud_provisioned SET account = NEW.account WHERE resource_id = NEW.id;
    UPDATE public.cloud_drift SET account = NEW.account WHERE resource_id = NEW.id AND status = 'open';
    RETURN NULL;
END $$;
COMMENT ON FUNCTION cloud_follow_account() IS 'Has the spec and the open drift of a resource that moved to another account move with it.';

CREATE OR REPLACE TRIGGER cloud_resources_moved AFTER UPDATE OF account ON cloud_resources
    FOR EACH ROW WHEN (OLD.account IS DISTINCT FROM NEW.account)
    EXECUTE FUNCTION cloud_follow_account();
