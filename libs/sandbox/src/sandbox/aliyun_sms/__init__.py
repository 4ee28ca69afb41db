"""Aliyun SMS (dysmsapi, version 2017-05-25): SendSms, SendBatchSms, QuerySendDetails, SmsReport and SmsUp."""
