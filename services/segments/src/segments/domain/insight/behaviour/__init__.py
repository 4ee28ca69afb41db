"""What audiences do one after the other: questions, groups, and what is withheld of the answers."""
