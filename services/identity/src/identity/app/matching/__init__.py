"""Use cases of matching: models, runs, review, evaluation."""
