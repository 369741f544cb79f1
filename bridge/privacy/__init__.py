"""What must not travel: personal data outside its place, secrets in addresses, private IP addresses."""
