local fault = require "moonsand.fault"
local ids = require "moonsand.sandbox.ids"
local sandbox = require "moonsand.sandbox"

local PASSWD = "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n"

--- A host with these files, seen by a user.
local function host(files, uid, gid)
  files["/etc/passwd"] = files["/etc/passwd"] or PASSWD
  return {uid = uid or 1000, gid = gid or uid or 1000, read = function(path) return files[path] end}
end

local function with(subuid, subgid, uid)
  return host({["/etc/subuid"] = subuid, ["/etc/subgid"] = subgid or subuid}, uid)
end

local function refused(options, on, message, hint)
  local ok, err = pcall(ids.step, options, on)
  assert.is_false(ok)
  assert.is_true(fault.is(err), tostring(err))
  assert.are.equal(message, (err.where and err.where .. ": " or "") .. err.message)
  if hint then assert.are.equal(hint, err.hint) end
end

local range = {ids = "range"}

describe("a map of one id", function()
  it("is the caller's own, as root, or as any number", function()
    local on = host {}
    local step, uid, gid = ids.step({}, on)
    assert.are.same({"ids", uid = {{1000, 1000, 1}}, gid = {{1000, 1000, 1}}, user = 1000,
      group = 1000}, step)
    assert.are.same({1000, 1000}, {uid, gid})
    assert.are.same({{0, 1000, 1}}, ids.step({ids = "root"}, on).uid)
    step, uid, gid = ids.step({uid = 4294967294, gid = 0}, on)
    assert.are.same({{4294967294, 1000, 1}}, step.uid)
    assert.are.same({4294967294, 0}, {uid, gid})
  end)

  it("takes no number that is no id, and no other root than 0", function()
    for _, bad in ipairs {{uid = -1}, {uid = 4294967295}, {gid = 1.5}} do
      local ok, err = pcall(sandbox.new, {script = "true", uid = bad.uid, gid = bad.gid})
      assert.is_false(ok)
      assert.matches("must be an integer from 0 to 4294967294", err.message)
    end
    local ok, err = pcall(sandbox.new, {script = "true", ids = "root", uid = 5})
    assert.is_false(ok)
    assert.matches("'ids' is 'root', and 'uid' is 5", err.message)
  end)
end)

describe("a range of ids", function()
  it("is the caller as 0 and then every line for it, by name or by number", function()
    local step, uid, gid = ids.step(range, with(
      "# who may map what\n\nbob:500000:65536\nalice:100000:65536\n1000:300000:10\n"
      .. "alice:100000:65536\nalice:400000:1"))
    assert.are.same({{0, 1000, 1}, {1, 100000, 65536}, {65537, 300000, 10}, {65547, 400000, 1}},
      step.uid)
    assert.are.same({0, 0}, {uid, gid})
  end)

  it("lets the program be any id of it, and no other", function()
    local on = with "alice:100000:100\n"
    local step, uid = ids.step({ids = "range", uid = 100}, on)
    assert.are.same({100, 100, 0}, {step.user, uid, step.group})
    refused({ids = "range", uid = 101}, on,
      "sandbox: 'uid' is 101, and that id is not mapped: 0=1000,1-100=100000",
      "the numbers on the left are the ids inside")
    refused({ids = "range", gid = 5000}, on,
      "sandbox: 'gid' is 5000, and that id is not mapped: 0=1000,1-100=100000")
  end)

  it("to root is every id of its own world, directly", function()
    local on = host({["/proc/self/uid_map"] = "         0          0 4294967295\n",
      ["/proc/self/gid_map"] = "         0     100000      65536\n     70000  500000  1\n"}, 0)
    local step = ids.step(range, on)
    assert.are.same({{0, 0, 4294967295}}, step.uid)
    assert.are.same({{0, 0, 65536}, {70000, 70000, 1}}, step.gid)
  end)

  it("that nobody gave names the user, the file and the line that gives one", function()
    refused(range, with(nil), "user 'alice' has no range of ids in /etc/subuid",
      "as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 alice")
    refused(range, with("alice:200000:65536\n", "bob:200000:65536\n"),
      "user 'alice' has no range of ids in /etc/subgid",
      "as root: usermod --add-subuids 265536-331071 --add-subgids 265536-331071 alice")
  end)

  it("of a user without a name is given by a line of its number", function()
    refused(range, with(nil, nil, 1234), "user '1234' has no range of ids in /etc/subuid",
      "as root: echo 1234:100000:65536 >>/etc/subuid; echo 1234:100000:65536 >>/etc/subgid")
  end)

  it("names the line that is broken, and only the caller's own lines are looked at", function()
    local how = "write it as USER:START:COUNT (subuid(5))"
    refused(range, with "bob:x:y\nalice:100000\n",
      "/etc/subuid:2: 'alice:100000': it is not USER:START:COUNT", how)
    refused(range, with "alice\n", "/etc/subuid:1: 'alice': it is not USER:START:COUNT", how)
    refused(range, with "alice:-5:10\n",
      "/etc/subuid:1: 'alice:-5:10': it is not USER:START:COUNT", how)
    refused(range, with "alice:100000:0\n", "/etc/subuid:1: 'alice:100000:0': it is empty", how)
    refused(range, with "alice:4294967295:1\n",
      "/etc/subuid:1: 'alice:4294967295:1': it starts beyond the last id", how)
    refused(range, with "alice:1:99999999999999999999\n",
      "/etc/subuid:1: 'alice:1:99999999999999999999': the numbers are no ids", how)
    assert.are.equal(2, #ids.step(range, with "bob:x:y\ngarbage\n:::\nalice:100000:10\n").uid)
  end)

  it("names the line that goes beyond the last id, or meets another one", function()
    refused(range, with "alice:4294900000:100000\n",
      "/etc/subuid:1: 'alice:4294900000:100000': 100000 ids from 4294900000 on go beyond "
      .. "4294967294, the last id")
    refused(range, with "alice:100000:10\n1000:100009:5\n",
      "/etc/subuid:2: '1000:100009:5': its ids are given by /etc/subuid:1, too",
      "as root: take one of the lines out, or keep them apart")
    refused(range, with "alice:500:1000\n",
      "/etc/subuid:1: it holds 1000, the caller's own id", "as root: correct this line")
  end)
end)

describe("a map of ids as data", function()
  local function check(map)
    local ok, err = pcall(sandbox.new, {script = "true", ids = map})
    assert.is_false(ok)
    assert.is_true(fault.is(err), tostring(err))
    assert.are.equal("usage", err.kind)
    return err.message
  end

  it("is refused with the place when a range is none", function()
    assert.are.equal("sandbox: ids.uid[2]: it is empty",
      check {uid = {{0, 1000, 1}, {1, 100000, 0}}})
    assert.are.equal("sandbox: ids.gid[1]: it is not {inside, outside, count}",
      check {gid = {{0, 1000}}})
    assert.are.equal("sandbox: ids.gid[1]: 'outside' must be an integer from 0 to 4294967294",
      check {gid = {{0, -1, 1}}})
    assert.are.equal("sandbox: ids.uid[1]: 2 ids from 4294967294 on go beyond 4294967294, the "
      .. "last id", check {uid = {{4294967294, 0, 2}}})
    assert.are.equal("sandbox: ids.uid must be a list of ranges", check {uid = {}})
    assert.are.equal("sandbox: unknown key 'user' in 'ids'", check {user = {{0, 0, 1}}})
    assert.are.equal("sandbox: 'ids' has neither 'uid' nor 'gid'", check {})
  end)

  it("is refused when two ranges meet, on either side", function()
    assert.are.equal("sandbox: ids.uid[1] and [3] have an id in common, inside: "
      .. "0-9=100,20=5,9=300", check {uid = {{0, 100, 10}, {20, 5, 1}, {9, 300, 1}}})
    assert.are.equal("sandbox: ids.uid[1] and [2] have an id in common, outside: 0-9=100,50=109",
      check {uid = {{0, 100, 10}, {50, 109, 1}}})
  end)

  it("may hold what the files give to the user, across lines that meet", function()
    local on = with "alice:100000:10\nalice:100010:10\n"
    local step, uid, gid = ids.step({ids = {uid = {{5, 100008, 4}, {0, 1000, 1}}}}, on)
    assert.are.same({{5, 100008, 4}, {0, 1000, 1}}, step.uid)
    assert.are.same({{1000, 1000, 1}}, step.gid)
    assert.are.same({0, 1000}, {uid, gid})
    assert.are.equal(7, ids.step({ids = {uid = {{7, 100000, 1}}}}, on).user)
  end)

  it("is refused when it holds more, with what is given and the line that gives more", function()
    local on = with "alice:100000:10\n"
    refused({ids = {uid = {{0, 100005, 10}}}}, on,
      "ids.uid[1] maps to 100005-100014, and 100010 is not given to user 'alice' "
      .. "(/etc/subuid:1: 100000-100009)", "as root: usermod --add-subuids 100005-100014 alice")
    refused({ids = {gid = {{0, 1001, 1}}}}, with(nil),
      "ids.gid[1] maps to 1001, and 1001 is not given to user 'alice' (nothing)",
      "as root: usermod --add-subgids 1001-1001 alice")
    local root = host({["/proc/self/uid_map"] = "0 100000 65536\n"}, 0)
    refused({ids = {uid = {{0, 65536, 1}}}}, root,
      "ids.uid[1] maps to 65536, and 65536 is not given to user 'root' "
      .. "(/proc/self/uid_map:1: 0-65535)",
      "only ids that this process's own namespace has can be mapped")
  end)

  it("is said in the plan, with who the program is", function()
    local plan = require "moonsand.sandbox.plan"
    local step = ids.step({ids = "range", uid = 7}, with "alice:100000:10\n")
    assert.are.equal("  1  ids                uid 0=1000,1-10=100000  gid 0=1000,1-10=100000  "
      .. "as 7:0\n", plan.new({step}):describe())
  end)
end)

describe("a helper that does not map", function()
  local on = host {}

  it("because it is not there is named, with the user and the package", function()
    assert.are.equal("the ids of user 'alice' are mapped by newuidmap, which is not there; "
      .. "as root: apt-get install uidmap",
      ids.hint({verb = "ids", call = "run", path = "newuidmap"}, on))
  end)

  it("because it refuses is named, with the user and the file it looks into", function()
    local text = ids.hint({verb = "ids", call = "the map was refused by", path = "newgidmap"}, on)
    assert.matches("^user 'alice' has these ids in /etc/subgid; newgidmap must be setuid root",
      text)
    assert.matches("as root: chmod u%+s %$%(command %-v newgidmap%)$", text)
  end)

  it("has no part in other failures", function()
    assert.is_nil(ids.hint({verb = "ids", call = "setgroups"}, on))
    assert.is_nil(ids.hint({verb = "bind", call = "open_tree", path = "/x"}, on))
  end)
end)
