-- What is open is judged by the next detection run; what is closed stays without.
ALTER TABLE cloud_drift ADD COLUMN severity text,
    ADD CONSTRAINT cloud_drift_severity_check CHECK (severity IN ('warning', 'error', 'critical'));
COMMENT ON COLUMN cloud_drift.severity IS 'How bad it is: warning (a name, a tag), error (something runs otherwise than meant) or critical (it is gone, or a door is open). By the rules of its kind and field. Null for what was closed before anybody judged.';
