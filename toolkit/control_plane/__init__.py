"""Connect to a control plane's HTTP API, read resources, and apply documents."""
