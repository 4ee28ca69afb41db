"""The kinds of tags beyond attribute, statistic, layered rule, RFM and lifecycle: one module per family.

A kind is a frozen dataclass: its fields are those of the definition (YAML and contract), its methods say which
questions it asks, how their answers become values, and what a publishing run freezes. See `kind.ComputedKind`.
"""
