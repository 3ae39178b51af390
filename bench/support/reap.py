"""reap.py REPORT COMMAND...: run a command and all that it leaves behind (a server, workers), and
write to REPORT: seconds, processor seconds of all its processes, the most memory that one of them
had in KiB, and the exit code."""
import ctypes
import os
import sys
import time

PR_SET_CHILD_SUBREAPER = 36


def main():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    started, answered, code = time.monotonic(), None, None
    child = os.fork()
    if child == 0:
        os.execvp(sys.argv[2], sys.argv[2:])
    processor, memory = 0.0, 0
    while True:
        try:
            pid, status, usage = os.wait4(-1, 0)
        except ChildProcessError:
            break
        processor += usage.ru_utime + usage.ru_stime
        memory = max(memory, usage.ru_maxrss)
        if pid == child:
            answered, code = time.monotonic() - started, os.waitstatus_to_exitcode(status)
    with open(sys.argv[1], "w") as report:
        report.write("%f %f %d %d\n" % (answered, processor, memory, code))


main()
