"""What tests of several folders share. What one folder needs alone stays in its own helpers."""
