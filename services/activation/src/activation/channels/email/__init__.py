"""E-mail over SMTP: to a mail server of one's own or a provider's, with one-click unsubscription and bounces."""
