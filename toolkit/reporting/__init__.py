"""Write JUnit XML, Prometheus' text format, HTML pages and tables, for all reports."""
