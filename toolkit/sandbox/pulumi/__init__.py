"""The Pulumi program in the sandbox, without the Pulumi CLI."""
