# Starts MiniStack on a free port of 127.0.0.1. It ends, and takes its functions and files along, when its standard
# input closes: so it ends with the process that started it, however that ends.
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
    # Its functions are processes of its own group. Another one ends them all, and only then nobody writes any more.
    group = os.getpgrp()
    if os.fork() == 0:
        os.setpgid(0, 0)
        os.killpg(group, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)


os.setpgid(0, 0)
threading.Thread(target=follow, daemon=True).start()

if "--as-it-is" not in sys.argv:
    import work_arounds  # noqa: F401 - what it is there for happens when it is imported

# It reads the variables above when it is imported.
from ministack.app import main  # noqa: E402

sys.argv = ["ministack"]
main()
