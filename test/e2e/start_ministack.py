# Starts MiniStack on a free port of 127.0.0.1. When its standard input closes, MiniStack ends its functions, deletes
# its files, and ends. So MiniStack ends with the process that started it, even if that process crashes.
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading

folder = tempfile.mkdtemp(prefix="account-vending-ministack-")
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = str(probe.getsockname()[1])
os.environ.update(TMPDIR=folder, BIND_HOST="127.0.0.1", GATEWAY_PORT=port)
tempfile.tempdir = folder


def follow():
    sys.stdin.read()
    # MiniStack's functions are processes of its group. A process outside the group ends them all, and then deletes
    # the files, which nobody writes any more.
    group = os.getpgrp()
    if os.fork() == 0:
        os.setpgid(0, 0)
        os.killpg(group, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)


os.setpgid(0, 0)
threading.Thread(target=follow, daemon=True).start()

if "--as-it-is" not in sys.argv:
    import work_arounds  # noqa: F401 - the import itself makes the changes

# MiniStack reads the environment variables above during this import.
from ministack.app import main  # noqa: E402

sys.argv = ["ministack"]
main()
