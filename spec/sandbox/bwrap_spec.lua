-- The command line of bubblewrap that is equal to a plan: what it prints is run, and compared with
-- the sandbox itself.
local bwrap = require "moonsand.sandbox.bwrap"
local core = require "moonsand.core"
local host = require "spec.support.host"
local sandbox = require "moonsand.sandbox"

--- The installed bubblewrap's answer to "can you do anything here?"
local function why_not()
  local pipe <close> = assert(io.popen(
    "bwrap --unshare-user --unshare-pid --ro-bind / / --proc /proc -- true 2>&1"))
  local text = pipe:read "a"
  if pipe:close() then return nil end
  return "bwrap: " .. text
end

--- A root's sandbox covers parts of /proc, for which bubblewrap has no equal.
local function new(options)
  if host.is_root() and not options.isolation then options.proc = false end
  return sandbox.new(options)
end

local function line(options)
  local box = new(options)
  return box:plan():bwrap(box.options)
end

--- Output and exit code of the line, run by bash.
local function run_line(text)
  local dir <close> = host.scratch()
  local path = dir:file("line", text)
  local pipe <close> = assert(io.popen(("bash %s 2>&1"):format(path)))
  local out = pipe:read "a"
  local _, how, code = pipe:close()
  return out, how == "exit" and code or 128 + code
end

--- The same in both; `about` names what is compared.
local function agree(options)
  options.stderr = "stdout"
  local result = new(options):run()
  local text, missing = line(options)
  assert.is_truthy(text, table.concat(missing, "\n"))
  local out, code = run_line(text)
  assert.are.equal(result.stdout, out)
  assert.are.equal(result:code(), code)
  return out
end

describe("the bubblewrap line of a plan", function()
  local problem = why_not()
  local function it_runs(name, body)
    it(name, function()
      if problem then return pending(problem) end
      body()
    end)
  end

  it_runs("gives the same ids, directory, mask, name, limits and exit code", function()
    local out = agree {umask = 23, hostname = "box", cwd = "/usr/bin",
      limits = {files = 100, file_size = "1M"},
      script = "id -u; id -g; pwd; umask; hostname; ulimit -n; ulimit -f; ulimit -c; exit 7"}
    assert.matches("/usr/bin\n0027\nbox\n100\n", out, 1, true)
  end)

  it_runs("gives the same root of a sandbox", function()
    local out = agree {ids = "root", script = "id -u; id -g; cat /etc/passwd"}
    assert.matches("^0\n0\nroot:", out)
  end)

  it_runs("gives the same environment, but for PWD", function()
    local out = agree {env = {A = "it's $HOME `x` \"y\"", EMPTY = "", LINES = "a\nb\\"},
      command = {"env", "-u", "PWD", "-u", "_", "sh", "-c", "unset PWD; env | sort"}}
    assert.matches("A=it's $HOME `x` \"y\"\n", out, 1, true)
  end)

  it_runs("gives words to the program as they are", function()
    agree {command = {"printf", "<%s>", "", " ", "a'b", "$(id)", "`id`", "new\nline", "\\", "--",
      "!x", "*", "~", "\u{e9}"}}
  end)

  it_runs("makes the same files, directories and links, with the same modes", function()
    local out = agree {files = {{target = "/own/text", text = "no end of line", mode = 384},
      {target = "/own/bytes", text = "\0\1\255\n"}, {target = "/own/none", text = ""}},
      dirs = {"/own/dir", {target = "/own/private", mode = 448}},
      symlinks = {{target = "/own/link", text = "text"}}, tmpfs = {{target = "/t", mode = 1023}},
      script = "cd /own; stat -c '%n %a %F' * /t /; cat link; od -An -tx1 bytes"}
    assert.matches("text 600 regular file", out, 1, true)
    assert.matches(" 00 01 ff 0a\n", out, 1, true)
  end)

  it_runs("mounts in the same order, and as read-only, with what is mounted below", function()
    local dir <close> = host.scratch()
    dir:file("src/a", "a\n")
    dir:file("src/sub/b", "b\n")
    local out = agree {
      binds = {{source = dir:dir "src", target = "/x", order = 1},
        {source = dir:dir "out", target = "/out", read_only = false, order = 4},
        {source = "/no/such", target = "/gone", optional = true, order = 5}},
      tmpfs = {{target = "/x/sub", size = "64K", order = 3}},
      script = [[
        ls -R /x; for d in / /x /x/sub /out /usr /tmp /etc; do
          touch $d/new 2>/dev/null && echo "$d writable" && rm $d/new
        done; ls -d /gone || :; head -c 100000 /dev/zero >/x/sub/big || rm /x/sub/big]],
    }
    assert.matches("/x/sub writable\n/out writable\n/tmp writable\n", out, 1, true)
    assert.matches("No space left", out, 1, true)
  end)

  it_runs("takes away the same: privileges, calls, network", function()
    agree {script = [[
      mount -t tmpfs none /tmp 2>/dev/null || echo no mount
      unshare -U true 2>/dev/null || echo no namespaces
      chmod u+s /tmp 2>/dev/null || echo no setuid
      ls /sys/class/net 2>/dev/null || echo no sys]]}
  end)

  it_runs("shows the same processes and privileges", function()
    if host.is_root() then return pending "a root's sandbox has no equal with a /proc" end
    local out = agree {script = "grep -E '^(Cap[^B]|NoNewPrivs|Seccomp:)' /proc/self/status;"
      .. " awk '{print $1, $3}' /proc/self/uid_map; cut -d: -f1 /proc/net/dev;"
      .. " ls /dev | grep -v -e core -e pt"}
    assert.matches("CapEff:%s0+\n", out)
    assert.matches("Seccomp:%s2\n", out)
  end)

  it_runs("reads and writes the same files as standard streams", function()
    local dir <close> = host.scratch()
    local box = new {command = {"tr", "a-z", "A-Z"}, stdin = dir:file("in", "text\n"),
      stdout = dir.path .. "/it's out"}
    run_line((box:plan():bwrap(box.options)))
    assert.are.equal("TEXT\n", dir:read "it's out")
  end)
end)

describe("what bubblewrap has no equal for", function()
  local function lacks(options, what)
    options.script = "true"
    local text, missing = line(options)
    assert.is_nil(text)
    assert.matches(what, table.concat(missing, "\n"), 1, true)
  end

  it("is listed, and there is no line", function()
    lacks({timeout = 5}, "timeout")
    lacks({limits = {wall = 5}}, "timeout")
    lacks({limits = {disk = "1M"}}, "a bound on the size of /dev")
    lacks({pty = true}, "a terminal of the sandbox's own")
    lacks({steps = {{before = "remount /", {"bind", source = "/usr", target = "/x",
      executable = false}}}}, "bind /x: executable = false")
    lacks({protect = {"/usr/lib"}}, "protect /usr/lib")
    lacks({mask = {"/usr/lib"}}, "mask /usr/lib")
    lacks({isolation = "filters"}, "a program without namespaces")
  end)

  it("is a stack of layers that it would cut", function()
    local lower = {}
    for i = 1, 200 do lower[i] = ("/path/to/some/layer/number-%d"):format(i) end
    lacks({lower = lower}, "200 lower directories")
  end)

  it("is a /proc with covers, in a sandbox of root", function()
    if not host.is_root() then return pending "only root's sandboxes have covers" end
    local text, missing = sandbox.new({script = "true"}):plan():bwrap()
    assert.is_nil(text)
    assert.matches("protect /proc/", missing[1], 1, true)
  end)

  it("is every field of a step that it does not know", function()
    for i, step in ipairs(new({script = "true"}):plan()) do
      if step[1] ~= "rlimit" and step[1] ~= "protect" then
        local plan = new({script = "true"}):plan()
        plan[i]["unheard-of"] = true
        local text, missing = plan:bwrap()
        assert.is_nil(text, step[1])
        assert.matches(": unheard-of = true", table.concat(missing), 1, true)
      end
    end
  end)

  it("is a namespace that is there, and an option of an overlay", function()
    lacks({join = {net = "/proc/self/ns/net"}}, "namespaces that are there already")
    lacks({overlays = {{target = "/w", lower = {"/usr", "/etc"}, options = {xino = "off"}}}},
      "overlay /w: ")
  end)

  it("is every step that it does not know", function()
    for verb in pairs(core.verbs()) do
      local plan = new({script = "true"}):plan()
      assert.is_truthy((plan:bwrap()))
      table.insert(plan, 5, {"unheard-of " .. verb})
      assert.is_nil((plan:bwrap()))
    end
  end)
end)

describe("an overlay in a bubblewrap line", function()
  it("has its lower directories from the bottom up, and says which version it needs", function()
    local text = assert(line {lower = {"/top", "/bottom"}, script = "true"})
    assert.matches("--overlay-src /bottom \\\n  --overlay-src /top \\\n  --tmp-overlay /work", text,
      1, true)
    assert.matches("0.11 or newer", text, 1, true)
    text = assert(line {overlays = {{target = "/w", lower = {"/a"}, upper = "/k/it's"}},
      script = "true"})
    assert.matches([[mkdir -p '/k/it'\''s' '/k/.it'\''s.work' || exit]], text, 1, true)
  end)

  it("is refused by a bubblewrap that has none, not left out", function()
    if why_not() then return pending(why_not()) end
    local help <close> = io.popen "bwrap --help 2>&1"
    local text = help:read "a"
    if text:find("--overlay-src", 1, true) then return pending "this bwrap has overlays" end
    local out, code = run_line(assert(line {lower = {"/usr", "/etc"}, script = "true"}))
    assert.are_not.equal(0, code)
    assert.matches("overlay", out)
  end)
end)

describe("moonsand run --plan=bwrap", function()
  local function shell(words)
    local pipe <close> = assert(io.popen("bin/moonsand run --plan=bwrap " .. words .. " 2>&1"))
    local out = pipe:read "a"
    return out, select(3, pipe:close())
  end

  it("prints the line, with 0", function()
    local out, code = shell((host.is_root() and "--proc none " or "") .. "--cwd /usr -- ls -l")
    assert.are.equal(0, code)
    assert.matches("--chdir /usr", out, 1, true)
    assert.matches("\n  -- ls -l\n)\n", out, 1, true)
  end)

  it("prints nothing but what is missing, with 1", function()
    local out, code = shell "--timeout 5 -- true"
    assert.are.equal(1, code)
    for one in out:gmatch "[^\n]+" do
      assert.matches("# bubblewrap has no equal for: ", one, 1, true)
    end
    assert.matches("timeout", out)
  end)
end)

describe("a word for a shell", function()
  it("is quoted only where it must be", function()
    assert.are.equal("plain-word.c", bwrap.quoted "plain-word.c")
    assert.are.equal("''", bwrap.quoted "")
    assert.are.equal([['it'\''s']], bwrap.quoted "it's")
    assert.are.equal("'~'", bwrap.quoted "~")
    assert.are.equal("'a\nb'", bwrap.quoted "a\nb")
  end)
end)
