--- The options of `moonsand run`: their names are those of the keys of `sandbox.new`, and
--- moonsand.cli.arguments makes the table of them. Every option that may be repeated is noted in
--- the order in which it stood on the command line.
local M = {}

--- name, what stands after it, description
local repeated = {
  {"--ro", "SRC[:DST]", "bind SRC read-only, with everything mounted below it"},
  {"--rw", "SRC[:DST]", "bind SRC writable"},
  {"--ro?", "SRC[:DST]", "like --ro, nothing when SRC is not there"},
  {"--rw?", "SRC[:DST]", "like --rw, nothing when SRC is not there"},
  {"--dev-bind", "SRC[:DST]", "bind SRC writable; device nodes in it work"},
  {"--idmap", "SRC[:DST]", "like --rw; files of SRC's owner belong to the program (root only)"},
  {"--tmpfs", "DST[:SIZE[:MODE]]", "an empty file system in memory (64M, 2G; 1777)"},
  {"--dir", "DST", "make a directory"},
  {"--symlink", "TARGET:DST", "make a symbolic link DST to TARGET"},
  {"--file", "DST=TEXT", "make a file with a text"},
  {"--overlay", "DST", "mount an overlay; its directories follow as --lower and --upper"},
  {"--overlay-ro", "DST", "mount an overlay that nobody can write to"},
  {"--lower", "DIR", "a lower directory of the last overlay; the first one wins"},
  {"--upper", "DIR", "where the last overlay keeps what is written; else it vanishes"},
  {"--overlay-option", "NAME=VALUE", "an option of the last overlay, such as volatile=on"},
  {"--device", "PATH", "a device node of the host, such as /dev/fuse, that works inside"},
  {"--mask", "PATH", "hide what is there: an empty file or directory"},
  {"--protect", "PATH", "make it read-only where it is, with everything below it"},
  {"--watch", "DIR", "note which files of a directory inside are opened, for --json"},
  {"--observe", "PATH", "note what of it and below is opened, executed or missing, for --json"},
  {"--env", "NAME=VALUE", "set a variable; the environment starts nearly empty"},
  {"--pass-env", "NAME", "let a variable of the caller through"},
  {"--fd", "N[:MODE]=FILE", "open FILE as descriptor N; MODE is r (default), w, rw or a"},
  {"--tee", "N[:MODE]=FILE", "what goes to 1 or 2 goes to FILE, too; MODE is w (default) or a"},
  {"--pass-fd", "N[:M]", "the caller's descriptor N, as M inside"},
  {"--cap-add", "NAME", "a capability that the program has inside; all: every one"},
  {"--cap-drop", "NAME", "a capability that it does not have, of those that were added"},
  {"--share", "NS", "leave a namespace to the host: cgroup, ipc, net, pid, uts"},
  {"--unshare", "time", "a time namespace, too; see --time"},
  {"--join", "NS=PATH", "enter a namespace that is there: cgroup, ipc, net, uts"},
  {"--time", "CLOCK=SECONDS", "add to a clock: monotonic, boottime"},
  {"--limit", "NAME=VALUE", "a limit, such as memory=2G; best_effort:2G: rather none than no run"},
}

--- option, key, what stands after it, description, choices
local single = {
  {"--root", "root", "host|empty|DIR", "what / starts from: the host (default), nothing, DIR"},
  {"--proc", "proc", "KIND", "fresh (default); bind: the caller's, read-only; auto; none",
    {"fresh", "bind", "auto", "none"}},
  {"--cwd", "cwd", "DIR", "the directory to start in"},
  {"--hostname", "hostname", "NAME", "the name of the host inside"},
  {"--umask", "umask", "MODE", "the file mode mask, in octal"},
  {"--ids", "ids", "WHO", "who the program is inside", {"self", "root", "range"}},
  {"--uid", "uid", "N", "the user id inside: any where one is mapped, one of the range else"},
  {"--gid", "gid", "N", "the group id inside"},
  {"--isolation", "isolation", "KIND", "filters: Landlock and seccomp only, no namespaces",
    {"namespaces", "filters"}},
  {"--seccomp", "seccomp", "PRESET|FILE.lua", "which system calls pass: build (default), none"},
  {"--landlock", "landlock", "FILE.lua", "what may be done with which files and ports"},
  {"--steps", "steps", "FILE.lua", "steps of your own, before or after named ones"},
  {"--fsync", "fsync", "on|off", "off: fsync and its like succeed at once", {"on", "off"}},
  {"--chown", "chown", "HOW", "what a change of owner does: it is tried, ignored, refused",
    {"real", "ignore", "error"}},
  {"--timeout", "timeout", "SECONDS", "stop the program after this time (exit code 124)"},
  {"--idle-timeout", "idle_timeout", "SECONDS", "stop it after this time without any output"},
  {"--grace", "grace", "SECONDS", "how long it may take to end before it is killed"},
  {"--session", "session", "on|off", "off: it stays in the caller's session, at his terminal",
    {"on", "off"}},
  {"--stdin", "stdin", "FILE", "read from FILE; `-` is the caller's, as without the option"},
  {"--stdout", "stdout", "FILE", "write to FILE"},
  {"--stderr", "stderr", "FILE", "write messages to FILE"},
  {"--capture-limit", "capture_limit", "SIZE", "of --capture: more than SIZE (16M) waits on disk"},
}

--- Add the sandbox options to an argparse parser.
---@param parser table
function M.define(parser)
  for _, option in ipairs(repeated) do
    local name = option[1]
    parser:option(name):argname(option[2]):description(option[3]):count("*"):target("ordered")
      :action(function(args, _, value)
        args.ordered = args.ordered or {}
        table.insert(args.ordered, {option = name, value = value})
      end)
  end
  for _, option in ipairs(single) do
    local made = parser:option(option[1]):argname(option[3]):description(option[4])
    made:target(option[2])
    if option[5] then made:choices(option[5]) end
  end
  parser:option("--profile"):argname("FILE.lua"):count("*"):target("profiles")
    :description("a table of options, keys as in sandbox.new; what is said here wins")
  parser:flag("--capture"):description("keep what it writes for --json, and show nothing of it")
  parser:flag("--pty"):description("a terminal of its own: it can push no keys into the caller's")
  parser:flag("--as-init"):description("the program itself is pid 1")
  parser:flag("--nested"):description("sandboxes can be made inside")
  parser:flag("--sysfs"):description("a read-only /sys")
  parser:flag("--devpts"):description("terminals can be made inside, by /dev/ptmx")
  parser:option("--net"):argname("none|host|user|PATH"):args("?")
    :description("none (default), the host's, one by pasta, a namespace; alone: the host's")
    :action(function(args, _, value)
      args.network = type(value) == "table" and (value[1] or "host") or value
    end)
end

local flags = {"--profile", "--capture", "--pty",
  "--as-init", "--nested", "--sysfs", "--devpts", "--net"}

--- The names of all options.
---@return table<string, boolean>
function M.names()
  local set = {}
  for _, list in ipairs {repeated, single} do
    for _, option in ipairs(list) do set[option[1]] = true end
  end
  for _, name in ipairs(flags) do set[name] = true end
  return set
end

return M
