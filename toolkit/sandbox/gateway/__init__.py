"""Receive the sandbox's HTTP requests: reject some, and route the others to their service."""
