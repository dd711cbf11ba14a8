"""What several tests of this room need."""

import pytest


@pytest.fixture
def file(tmp_path):
    """Write a file and hand back its path."""

    def write(content, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write
