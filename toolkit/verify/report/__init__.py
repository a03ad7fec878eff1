"""Write the report of a verification in several forms. Each form is a module with a function ``render``."""
