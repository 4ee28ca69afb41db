"""The use cases: one per rpc, one transaction each, on the ports of that transaction."""
