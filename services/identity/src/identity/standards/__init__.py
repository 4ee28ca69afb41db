"""The built-in standards: linking policy, blocked values, attribute dictionary, releases of event
properties.
"""
