"""Files as records: a mapping, rows, records, and their way through identity's front door."""
