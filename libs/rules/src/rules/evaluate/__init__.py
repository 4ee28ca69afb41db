"""The evaluators: one person (the referee), bitmaps over tag values, and tables in a query engine.

All give a rule the same meaning; where one lacks a node it refuses it by name (UnsupportedNode).
"""
