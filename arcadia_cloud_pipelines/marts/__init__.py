"""The schema `marts`: views that answer questions from the tables `cloud_*`.

One `.sql` file a view. It holds the view's comment, its grain, one example, the comments of its
columns and its query; `warehouse/installed_views.py` brings them into the database. What belongs
here is a question somebody asks in SQL. What does not: facts (tables of the subjects) and rules
(the subjects' own code).
"""
