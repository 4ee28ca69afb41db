"""Tencent Cloud SMS (version 2021-01-11): SendSms, PullSmsSendStatusByPhoneNumber, status reports and replies."""
