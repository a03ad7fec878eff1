"""Emulate AWS RAM: shares of private CAs, and their invitations."""
