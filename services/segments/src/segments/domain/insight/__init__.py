"""Statistics over counts of tag values: distributions, preferences, overlaps, lookalikes."""
