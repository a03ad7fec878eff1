"""EKS Pod Identity: the associations of service accounts with roles, and the credentials of their pods."""
