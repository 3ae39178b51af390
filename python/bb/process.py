"""Running programs."""
import subprocess


class CmdError(RuntimeError):
    def __init__(self, command, msg=None):
        super().__init__(command, msg)
        self.command, self.msg = command, msg

    def __str__(self):
        command = self.command
        if not isinstance(command, str):
            command = " ".join(command)
        text = "Execution of '%s' failed" % command
        return "%s: %s" % (text, self.msg) if self.msg else text


class NotFoundError(CmdError):
    def __str__(self):
        return super().__str__() + ": command not found"


class ExecutionError(CmdError):
    def __init__(self, command, exitcode, stdout=None, stderr=None):
        super().__init__(command)
        self.exitcode, self.stdout, self.stderr = exitcode, stdout, stderr
        self.extra_message = None

    def __str__(self):
        text = "".join("\n%s: %s" % pair for pair in (
            ("stdout", self.stdout), ("stderr", self.stderr)) if pair[1])
        return "%s with exit code %s%s" % (super().__str__(), self.exitcode, text or "")


class Popen(subprocess.Popen):
    """One program; its output is caught unless told otherwise."""

    def __init__(self, *args, **options):
        defaults = {"close_fds": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                    "stdin": subprocess.PIPE, "shell": False}
        super().__init__(*args, **{**defaults, **options})


def run(cmd, input=None, log=None, extrafiles=None, **options):
    """Run a command (a text: in a shell); its two outputs as text."""
    if isinstance(cmd, str) and "shell" not in options:
        options["shell"] = True
    try:
        pipe = Popen(cmd, **options)
    except OSError as problem:
        if problem.errno == 2:
            raise NotFoundError(cmd) from problem
        raise CmdError(cmd, problem) from problem
    out, err = (each.decode("utf-8", "surrogateescape") if each is not None else ""
                for each in pipe.communicate(input))
    if pipe.returncode != 0:
        raise ExecutionError(cmd, pipe.returncode, out, err)
    return out, err
