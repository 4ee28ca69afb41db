"""Who is like the persons of a seed: two models over tag values, and how well each finds persons it never saw."""
