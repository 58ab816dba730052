"""What was meant to be, beside what is: specs, the comparison, and the inbox of differences."""
