"""The command `arcadia`: one module per command.

What belongs here: options, and showing results. The work is done elsewhere. Modules import nothing
heavy at the top: `arcadia --help` has to be there at once.
"""
