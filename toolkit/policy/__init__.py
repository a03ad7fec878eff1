"""Evaluate IAM policies offline."""
