"""Start the command line: `python -m tocsin`."""

from tocsin.serve.cli import main

if __name__ == "__main__":
    main()
