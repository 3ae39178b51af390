local core = require "moonsand.core"
local host = require "spec.support.host"
local probe = require "spec.support.probe"
local sandbox = require "moonsand.sandbox"
local user = require "spec.support.user"

local function run(options) return sandbox.new(options):run() end

local function out(options)
  local r = run(options)
  assert.is_nil(r.message)
  return r.stdout
end

-- Tries to change its groups, and its ids to each of those given; tells the error numbers.
local CHANGER = [[
int main(int argc, char **argv)
{
  gid_t groups[] = {0};
  printf("setgroups %d\n", setgroups(0, groups) == 0 ? 0 : errno);
  printf("setgroups of one %d\n", setgroups(1, groups) == 0 ? 0 : errno);
  for (int i = 1; i < argc; i++) {
    uid_t id = strtoul(argv[i], NULL, 10);
    printf("setuid %u %d\n", id, setresuid(id, id, id) == 0 ? 0 : errno);
  }
  int map = open("/proc/self/uid_map", O_WRONLY);
  printf("writes %d\n", map >= 0 && write(map, "0 0 1", 5) > 0);
}
]]

describe("a program with one id", function()
  local probes
  setup(function() probes = probe.new {change = "#include <grp.h>\n" .. CHANGER} end)
  teardown(function() probes:close() end)

  it("may be anybody inside, up to the last id, and is the caller outside", function()
    for _, id in ipairs {1, 65534, 2147483648, 4294967294} do
      local dir <close> = host.scratch()
      local text = out {script = "id -u; id -g; touch /out/file; stat -c %u:%g /out/file", uid = id,
        gid = id - 1, binds = {{source = dir:dir "out", target = "/out", read_only = false}}}
      assert.are.equal(("%d\n%d\n%d:%d\n"):format(id, id - 1, id, id - 1), text)
      local st = core.stat(dir.path .. "/out/file")
      assert.are.same({core.uid(), core.gid()}, {st.uid, st.gid})
    end
  end)

  it("has a name, whoever it is", function()
    assert.are.equal("builder builder\n", out {script = "echo $(id -un) $(id -gn)",
      uid = 3000000000, gid = 3000000001})
    assert.are.equal("root root\n", out {script = "echo $(id -un) $(id -gn)", ids = "root"})
  end)

  it("can be nobody else, and joins no group, as fake root neither (CVE-2014-8989)", function()
    for _, ids in ipairs {"self", "root"} do
      local r = probes:run {command = {"/probe/change", "1", "65534"}, ids = ids}
      assert.are.equal("setgroups 1\nsetgroups of one 1\nsetuid 1 22\nsetuid 65534 22\n",
        r.stdout:match("^(.*)writes"), r.message)
    end
  end)

  it("cannot change the map", function()
    for _, ids in ipairs {"self", "root", "range"} do
      if ids ~= "range" or host.is_root() then
        local r = probes:run {command = {"/probe/change"}, ids = ids}
        assert.matches("writes 0\n", r.stdout, ids)
      end
    end
  end)

  it("keeps the caller's further groups, which have no name inside: none can be used for more",
    function()
      local groups = host.read("/proc/self/status"):match("\nGroups:[ \t]*([^\n]*)")
      local others = 0
      for gid in groups:gmatch("%d+") do
        if tonumber(gid) ~= core.gid() then others = others + 1 end
      end
      local inside = select(2, out({script = "grep Groups /proc/self/status"}):gsub("65534", ""))
      assert.are.equal(others, inside)
    end)
end)

describe("a program with a range of ids", function()
  local function direct(what, options)
    it(what, function()
      if not host.is_root() then
        pending("only root maps ranges directly")
        return
      end
      options()
    end)
  end

  direct("is mapped by root directly, in as many lines as there are", function()
    local ids = {uid = {{0, 0, 1}, {1, 100000, 10}, {4294967294, 7, 1}},
      gid = {{0, 0, 1}, {5, 200000, 5}, {1000, 6, 1}}}
    local text = out {script = "cat /proc/self/uid_map /proc/self/gid_map; id -u", ids = ids,
      env = {PATH = "/usr/bin:/bin"}}
    assert.are.equal("0 0 1\n1 100000 10\n4294967294 7 1\n0 0 1\n5 200000 5\n1000 6 1\n0\n",
      (text:gsub(" +", " "):gsub("^ ", ""):gsub("\n ", "\n")))
  end)

  direct("may be any id of it from the start, without capabilities", function()
    local ids = {uid = {{0, 0, 1}, {1000, 100000, 10}}, gid = {{0, 0, 1}, {50, 100000, 10}}}
    local dir <close> = host.scratch()
    assert(core.chmod(dir:dir "out", 1023))
    local text = out {script = "id -u; id -g; touch /out/file; grep -h Cap /proc/self/status "
      .. "/proc/1/status", ids = ids, uid = 1003, gid = 51,
      binds = {{source = dir.path .. "/out", target = "/out", read_only = false}}}
    assert.matches("^1003\n51\n", text)
    assert.is_nil(text:find("Cap%w+:%s+%d*[1-9a-f]"))
    local st = core.stat(dir.path .. "/out/file")
    assert.are.same({100003, 100001}, {st.uid, st.gid})
  end)

  direct("has none of the caller's further groups", function()
    local text = host.lua([[
      local sandbox = require "moonsand.sandbox"
      for _, ids in ipairs {"range", "self"} do
        io.write(sandbox.new({script = "grep Groups /proc/self/status", ids = ids}):run().stdout)
      end]])
    assert.matches("^Groups:%s*\n", text)
  end)

  direct("of other ids only need not hold the caller's", function()
    local ids = {uid = {{0, 100000, 100}}, gid = {{0, 100000, 100}}}
    assert.are.equal("0\n65534\n", out {script = "id -u; stat -c %u /usr", ids = ids})
  end)
end)

describe("an ordinary user's range of ids", function()
  local RUN = [[
    local sandbox = require "moonsand.sandbox"
    local ok, r = pcall(function() return sandbox.new(%s):run() end)
    if not ok then print(r) return end
    io.write(r.stdout, r.stderr, r.message or "", r.hint and "\n" .. r.hint or "")
  ]]

  --- A sanitizer's word about the stack of a child comes before the answer.
  local function as_user(options, files)
    local text = user.run(RUN:format(options), files or {subuid = "builder:600000:65536\n"})
    return (text:gsub("^==%d+==WARNING: ASan is ignoring.-/issues/189\n", ""))
  end

  local function where_possible(what, fn)
    it(what, function()
      local why = user.impossible() or not core.stat("/usr/bin/newuidmap") and "no newuidmap"
      if why then
        pending(why)
        return
      end
      fn()
    end)
  end

  where_possible("is mapped by the helpers, the user first", function()
    local text = as_user [[{ids = "range", script = "id -u; cat /proc/self/uid_map"}]]
    assert.are.equal("0\n0 54321 1\n1 600000 65536\n", (text:gsub(" +", " "):gsub("\n ", "\n")))
  end)

  where_possible("may come from several lines, and lets the program be one of them", function()
    local text = as_user([[{ids = "range", uid = 12, gid = 3, script = "id -u; id -g"}]],
      {subuid = "builder:600000:10\n54321:700000:10\n", subgid = "builder:600000:10\n"})
    assert.are.equal("12\n3\n", text)
  end)

  where_possible("may be a part of what the files give", function()
    local text = as_user [[{ids = {uid = {{0, 600100, 50}}, gid = {{0, 54321, 1}}},
      script = "cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups"}]]
    assert.are.equal("0 600100 50\n0 54321 1\ndeny\n",
      (text:gsub(" +", " "):gsub("^ ", ""):gsub("\n ", "\n")))
  end)

  where_possible("that the files do not give is refused before anything happens", function()
    local text = as_user [[{ids = {uid = {{0, 0, 1}}}, script = "true"}]]
    assert.are.equal("ids.uid[1] maps to 0, and 0 is not given to user 'builder' "
      .. "(/etc/subuid:1: 600000-665535)\n  as root: usermod --add-subuids 0-0 builder\n", text)
  end)

  where_possible("that nobody gave is refused with the line that gives one", function()
    assert.are.equal("user 'builder' has no range of ids in /etc/subuid\n  as root: usermod "
      .. "--add-subuids 100000-165535 --add-subgids 100000-165535 builder\n",
      as_user([[{ids = "range", script = "true"}]], {subuid = "#\n"}))
  end)

  where_possible("without the helper is a failure that names the user and the package", function()
    local text = as_user([[{ids = "range", script = "true"}]],
      {subuid = "builder:600000:65536\n", newuidmap = ""})
    assert.are.equal("ids: run newuidmap: No such file or directory\nthe ids of user 'builder' "
      .. "are mapped by newuidmap, which is not there; as root: apt-get install uidmap", text)
  end)

  where_possible("is a failure with the helper's own words when it refuses", function()
    local text = as_user([[{ids = "range", script = "true"}]], {subuid = "builder:600000:65536\n",
      newuidmap = "#!/bin/sh\necho \"newuidmap: no. $2=$3\" >&2\nexit 1\n"})
    assert.matches("^ids: the map was refused by newuidmap: Operation not permitted: newuidmap: "
      .. "no%. 0=54321\nuser 'builder' has these ids in /etc/subuid; newuidmap must be setuid",
      text)
  end)
end)

describe("a step of ids", function()
  local function refused(message, uid, more)
    local step = {"ids", uid = uid, gid = {{0, 0, 1}}}
    for key, value in pairs(more or {}) do step[key] = value end
    local ok, err = pcall(core.check_plan, {{"namespaces", "user"}, step,
      {"exec", argv = {"true"}, init = false}})
    assert.is_false(ok)
    assert.matches(message, err)
  end

  local function lines(count, start)
    local map = {}
    for i = 1, count do map[i] = {start + 2 * i, start + 2 * i, 1} end
    return map
  end

  it("is refused when the kernel would not take it", function()
    refused("must have 1 to 340 ranges", lines(341, 0))
    refused("is a map of %d+ bytes, and the kernel takes 4095", lines(340, 1000000))
    refused("'outside' must be an integer from 0 to 4294967294", {{0, 4294967295, 1}})
    refused("'count' must be an integer from 0 to 4294967295", {{0, 0, 4294967296}})
    refused("a range of no ids", {{0, 0, 0}})
  end)

  it("names somebody who is mapped", function()
    refused("'user' is an id that is not mapped", {{0, 0, 5}}, {user = 5})
    refused("'group' is an id that is not mapped", {{0, 0, 5}}, {group = 1})
    refused("'user' must be an integer from 0", {{0, 0, 5}}, {user = -1})
  end)

  it("may have as many ranges as fit into a page", function()
    if not host.is_root() then
      pending("only root maps ranges directly")
      return
    end
    local map = lines(200, 100)
    map[1] = {0, 0, 1}
    local r = run {script = "wc -l </proc/self/uid_map", ids = {uid = map, gid = {{0, 0, 1}}}}
    assert.are.equal("200\n", r.stdout, r.message)
  end)
end)
