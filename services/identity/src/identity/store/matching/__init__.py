"""Where matching keeps its models, runs and tasks, and the engine that scores pairs: ports and adapters."""
