"""The huaxiang command: runs the suite and speaks to it."""
