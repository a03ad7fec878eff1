"""Run the Pulumi program in the sandbox, without the Pulumi CLI."""
