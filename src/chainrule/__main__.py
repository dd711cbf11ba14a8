"""``python -m chainrule``: the shell, where its command is not on the path."""

from chainrule.cli import main

if __name__ == "__main__":
    main()
