"""The MetaData object itself, apart from `schema` so that subjects can import it."""

from sqlalchemy import MetaData

metadata = MetaData()
