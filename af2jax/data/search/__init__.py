"""Alignments and template hits from databases: inside the process, by other programs, from a server."""
