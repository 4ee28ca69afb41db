"""The demo: one real run from the exports of several systems to delivered messages, checked against the truth."""
