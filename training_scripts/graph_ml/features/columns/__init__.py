"""What encoders read: a column of property values, and what a missing or oddly spelt one counts as."""
