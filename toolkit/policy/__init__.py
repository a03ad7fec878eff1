"""IAM's decisions on requests, from policy documents alone."""
