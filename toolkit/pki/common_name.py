"""What can be the common name of a certificate."""

# X.520 upper bound for a common name (RFC 5280, appendix A.1: ub-common-name).
MAX_COMMON_NAME = 64
