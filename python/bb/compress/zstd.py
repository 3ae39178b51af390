"""Compressed files, by the zstd program."""
import contextlib
import io
import subprocess


@contextlib.contextmanager
def open(filename, mode="rt", **options):
    """A file to read or write, as text or bytes."""
    if "w" in mode:
        buffer = io.StringIO() if "t" in mode or "b" not in mode else io.BytesIO()
        yield buffer
        data = buffer.getvalue()
        subprocess.run(["zstd", "-q", "-f", "-o", filename], check=True,
                       input=data if isinstance(data, bytes) else data.encode())
        return
    data = subprocess.run(["zstd", "-q", "-d", "-c", filename], check=True,
                          capture_output=True).stdout
    yield io.BytesIO(data) if "b" in mode else io.StringIO(data.decode())
