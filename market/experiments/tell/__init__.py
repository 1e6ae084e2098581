"""How findings are written: sentences, tables and JSON."""
