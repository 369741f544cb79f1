"""What must not travel: personal data outside its place, secrets in addresses, addresses that are no visitor's."""
