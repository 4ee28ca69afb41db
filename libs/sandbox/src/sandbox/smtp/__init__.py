"""A mail server: takes mails over SMTP, reports bounces and complaints."""
