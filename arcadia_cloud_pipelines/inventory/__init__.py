"""What runs: projects, resources of every kind, and each change of them."""
