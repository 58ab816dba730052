-- Costs are joined with the project and the tags of the time, one resource at a time.
CREATE INDEX cloud_project_memberships_resource_idx
    ON cloud_project_memberships (provider, kind, provider_id, valid_from) INCLUDE (valid_to);
CREATE INDEX cloud_resource_events_tags_idx ON cloud_resource_events (resource_id, id)
    WHERE changes ? 'tags' AND event <> 'drift_detected';
