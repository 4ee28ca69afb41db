"""Aliyun SMS (dysmsapi 2017-05-25): personalised batches, no idempotency, a query of what was sent."""
