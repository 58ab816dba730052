"""What every folder stands on: times, texts of others, redaction, files, frames, plots.

What belongs here: small tools that know no subject, no setting and no database.
"""
