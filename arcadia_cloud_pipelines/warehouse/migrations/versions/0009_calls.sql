CREATE UNLOGGED TABLE cloud_api_calls (
	token TEXT NOT NULL, 
	path TEXT NOT NULL, 
	second TIMESTAMP WITH TIME ZONE NOT NULL, 
	calls INTEGER NOT NULL, 
	PRIMARY KEY (token, path, second)
);
COMMENT ON TABLE cloud_api_calls IS 'Calls of the API in the last two hours, by which all processes keep to its rate limits together. Not logged: it is empty after a crash of the server.';
COMMENT ON COLUMN cloud_api_calls.token IS 'Digest of the token, never itself.';
COMMENT ON COLUMN cloud_api_calls.path IS 'The path that has a limit of its own; empty for all calls of the token.';
COMMENT ON COLUMN cloud_api_calls.second IS 'The second they were made in.';
COMMENT ON COLUMN cloud_api_calls.calls IS 'How many.';
