"""The pages that are made from the code and its database, and the command that writes them.

What belongs here: the page of the tables, the page of the messages, the list of token scopes. Pages
that people write stand in `docs/`.
"""
