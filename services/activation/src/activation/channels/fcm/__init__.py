"""FCM HTTP v1: one registration token a call, a repeat takes the place of what the screen shows."""
