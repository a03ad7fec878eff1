"""AWS RAM: shares of private CAs, and who has accepted them."""
