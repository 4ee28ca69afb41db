"""FCM HTTP v1: OAuth by signed grants, one message to one registration token, and nothing told afterwards."""
