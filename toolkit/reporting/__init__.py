"""What all reports share: writing JUnit's XML, Prometheus' text format and HTML pages."""
