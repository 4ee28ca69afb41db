"""Tencent Cloud SMS (sms 2021-01-11): one text for up to 200 numbers, an answer per number, a query of reports."""
