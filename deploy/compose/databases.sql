-- Dagster's storage, beside the warehouse that the image makes by itself.
CREATE DATABASE dagster;
