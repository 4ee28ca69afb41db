"""What persons do one after the other: funnels, retention, paths, over sorted columns of events."""
