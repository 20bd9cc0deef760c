"""One command, one file: a function with the file's name, registered in ``offline/cli.py``."""
