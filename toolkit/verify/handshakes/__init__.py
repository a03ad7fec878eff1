"""Make TLS handshakes between the data plane proxies of all zones."""
