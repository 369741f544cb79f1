"""What must not be sent: personal data outside `user_data`, secrets in URLs, private IP addresses."""
