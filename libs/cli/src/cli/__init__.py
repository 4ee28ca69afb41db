"""The huaxiang command."""
