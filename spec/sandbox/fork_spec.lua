local core = require "moonsand.core"
local fault = require "moonsand.fault"
local host = require "spec.support.host"
local sandbox = require "moonsand.sandbox"

local function refused(fn, text)
  local ok, problem = pcall(fn)
  assert.is_false(ok)
  assert.is_true(fault.is(problem), tostring(problem))
  assert.is_truthy(tostring(problem):find(text, 1, true), tostring(problem))
end

--- A sandbox with a kept upper over a lower with one file.
local function kept(dir, more)
  dir:file("lower/base", "base\n")
  dir:file("lower/doomed", "doomed\n")
  local options = {overlays = {{target = "/work", lower = {dir.path .. "/lower"},
    upper = dir.path .. "/upper"}}}
  for key, value in pairs(more or {}) do options[key] = value end
  return sandbox.new(options)
end

local function names(path)
  local list = assert(core.readdir(path))
  table.sort(list)
  return list
end

describe("a fork of a sandbox", function()
  it("has what the first one has written, removed and replaced", function()
    local dir <close> = host.scratch()
    local box = kept(dir)
    box:run [[echo new >new; rm doomed; mkdir d; echo x >d/x; ln new link; ln -s new soft
      chmod 700 d]]
    local try <close> = box:fork()
    local r = try:run "ls; cat new base soft; stat -c %a d; stat -c %h new"
    assert.are.equal("base\nd\nlink\nnew\nsoft\nnew\nbase\nnew\n700\n2\n", r.stdout, r.message)
  end)

  it("changes nothing of the first one, and forgets what each run has written", function()
    local dir <close> = host.scratch()
    local box = kept(dir)
    box:run "echo one >file"
    local try <close> = box:fork()
    assert.are.equal("two\n", try:run("echo two >file; rm base; cat file").stdout)
    assert.are.equal("one\nbase\n", try:run("cat file base").stdout)
    assert.are.equal("one\nbase\n", box:run("cat file base").stdout)
    assert.are.same({"base", "doomed"}, names(dir.path .. "/lower"))
  end)

  it("does not see what the first one writes afterwards", function()
    local dir <close> = host.scratch()
    local box = kept(dir)
    box:run "echo one >file"
    local try <close> = box:fork()
    box:run "echo two >file; echo more >more"
    assert.are.equal("base\ndoomed\nfile\none\n", try:run("ls; cat file").stdout)
    assert.are.equal("two\n", box:run("cat file").stdout)
  end)

  it("keeps a directory opaque that was made anew", function()
    local dir <close> = host.scratch()
    dir:file("lower/d/old", "old")
    local box = kept(dir)
    box:run "rm -r d; mkdir d; touch d/fresh"
    local try <close> = box:fork()
    assert.are.equal("fresh\n", try:run("ls d").stdout)
  end)

  it("can be prepared, and forked again with all its own is", function()
    local dir <close> = host.scratch()
    local box = kept(dir)
    box:run "echo one >file"
    local try <close> = box:fork()
    do
      local ready <close> = assert(try:prepare())
      ready:run "echo two >file"
      assert.are.equal("two\n", ready:run("cat file").stdout)
    end
    assert.are.equal("one\n", try:run("cat file").stdout)
    refused(function() try:fork() end, "there is nothing to fork")
  end)

  it("has the other options of the first one", function()
    local dir <close> = host.scratch()
    local box = kept(dir, {env = {A = "1"}, hostname = "luna", script = "echo $A; uname -n"})
    box:run()
    local try <close> = box:fork()
    assert.are.equal("1\nluna\n", try:run().stdout)
  end)

  it("leaves nothing when it is closed", function()
    local dir <close> = host.scratch()
    local box = kept(dir)
    box:run "mkdir closed; touch closed/file; chmod 500 closed"
    local before = names(dir.path)
    local try = box:fork()
    assert.are_not.same(before, names(dir.path))
    try:close()
    assert.are.same(before, names(dir.path))
    try:close()
  end)

  it("is made of a sandbox that has not run yet", function()
    local dir <close> = host.scratch()
    local try <close> = kept(dir):fork()
    assert.are.equal("base\ndoomed\n", try:run("ls").stdout)
  end)

  it("is consistent: what runs is stopped for the time of the copy, and goes on", function()
    local dir <close> = host.scratch()
    local box = kept(dir)
    -- two files that change together
    local running <close> = assert(box:start [[
      i=0
      while [ ! -e stop ]; do i=$((i+1)); echo $i >a; echo $i >b; done
      echo ended]])
    assert.is_true(host.eventually(function()
      return core.stat(dir.path .. "/upper/b") ~= nil
    end))
    for _ = 1, 5 do
      local try <close> = box:fork()
      local a, b = try:run("cat a; echo; cat b").stdout:match("^(%d*)\n*(%d*)\n$")
      -- between the two writes, or while one is cut to nothing
      local ahead = a ~= "" and b ~= "" and tonumber(a) - tonumber(b) or 0
      assert.is_true(ahead == 0 or ahead == 1, a .. " and " .. b)
    end
    local count = host.read(dir.path .. "/upper/a")
    assert.is_true(host.eventually(function()
      return host.read(dir.path .. "/upper/a") ~= count
    end))
    dir:file("upper/stop")
    running:kill "TERM"
    assert(running:wait())
  end)
end)

describe("a fork of a sandbox with a range of ids", function()
  it("keeps the owners of files, also of those that only they may read", function()
    local box = sandbox.new {lower = {"/etc"}, ids = "range",
      cap_add = {"chown", "dac_override", "fowner", "fsetid"}}
    local ok, ready = pcall(box.prepare, box)
    if not ok then return pending("this host has no range of ids") end
    local first <close> = assert(ready)
    local r = first:run "echo secret >file; chown 1234:1235 file; chmod 600 file"
    assert.is_true(r.ok, r.stderr)
    local try <close> = first:fork()
    assert.are.equal("1234:1235 600\nsecret\n",
      try:run("stat -c '%u:%g %a' file; cat file").stdout)
  end)
end)

describe("a fork of a prepared sandbox", function()
  it("has what was written, while programs run in the first one", function()
    local dir <close> = host.scratch()
    local box <close> = assert(kept(dir):prepare())
    box:run "echo one >file; (sleep 1000 >/dev/null 2>&1 &)"
    local try <close> = box:fork()
    assert.are.equal("one\n", try:run("cat file").stdout)
    box:run "echo two >file"
    assert.are.equal("one\n", try:run("cat file").stdout)
    assert.are.equal("two\n", box:run("cat file; ps >/dev/null 2>&1 || true").stdout)
  end)

  it("has what is in memory only: an upper that vanishes", function()
    local dir <close> = host.scratch()
    dir:file("lower/base", "base\n")
    dir:file("lower/d/old", "old\n")
    local box <close> = assert(sandbox.new({lower = {dir.path .. "/lower"}}):prepare())
    box:run "echo one >file; rm base; rm -r d; mkdir d; touch d/fresh; chmod 700 d"
    local try <close> = box:fork()
    assert.are.equal("d\nfile\nfresh\none\n700\n",
      try:run("ls; ls d; cat file; stat -c %a d").stdout)
    box:run "echo two >file"
    try:run "echo three >file"
    assert.are.equal("one\n", try:run("cat file").stdout)
    assert.are.equal("two\n", box:run("cat file").stdout)
  end)

  it("is forked and prepared again and again: each goes on from where it was", function()
    local boxes = {assert(sandbox.new({lower = {"/etc"}}):prepare())}
    local forks = {}
    for i = 1, 4 do
      boxes[i]:run(("echo %d >>file"):format(i))
      forks[i] = boxes[i]:fork()
      boxes[i + 1] = assert(forks[i]:prepare())
    end
    assert.are.equal("1\n2\n3\n4\n", boxes[5]:run("cat file").stdout)
    assert.are.equal("1\n2\n", boxes[2]:run("cat file").stdout)
    for i = #boxes, 1, -1 do boxes[i]:close() end
    for i = #forks, 1, -1 do forks[i]:close() end
  end)

  it("has several overlays, and a directory as root", function()
    local dir <close> = host.scratch()
    dir:file("root/hello", "hello\n")
    for _, name in ipairs {"bin", "lib", "lib64"} do
      assert(core.symlink("usr/" .. name, dir.path .. "/root/" .. name))
    end
    local box <close> = assert(sandbox.new({root = dir.path .. "/root", binds = {{source = "/usr"}},
      overlays = {{target = "/a", lower = {"/etc"}}, {target = "/b", lower = {"/etc"},
        upper = dir.path .. "/kept"}}}):prepare())
    assert.is_true(box:run("echo r >/r; rm /hello; echo a >/a/file; echo b >/b/file").ok)
    local try <close> = box:fork()
    local r = try:run "cat /r /a/file /b/file; test -e /hello || echo gone"
    assert.are.equal("r\na\nb\ngone\n", r.stdout, r.message or r.stderr)
  end)

  it("leaves no descriptor and no directory", function()
    local function names_of(place)
      local found = {}
      for _, name in ipairs(core.readdir(place) or {}) do
        if name:find("^moonsand%-fork") then found[#found + 1] = name end
      end
      return table.concat(found, " ")
    end
    local function all() return names_of "/var/tmp" .. names_of "/tmp" .. names_of "/dev/shm" end
    local function once()
      local box <close> = assert(sandbox.new({lower = {"/etc"}}):prepare())
      box:run "echo one >file"
      local try <close> = box:fork()
      assert.is_true(try:run("true").ok)
    end
    once()
    collectgarbage()
    local before, fds = all(), host.count_fds()
    once()
    assert.are.equal(before, all())
    assert.are.equal(fds, host.count_fds())
  end)

  it("does not show the program what it would be made of", function()
    local box <close> = assert(sandbox.new({lower = {"/etc"}}):prepare())
    assert.are.equal("0\n1\n2\n", box:run("ls /proc/$$/fd").stdout)
  end)

  it("is refused when it has no overlay", function()
    local box <close> = assert(sandbox.new({}):prepare())
    refused(function() box:fork() end, "there is nothing to fork")
  end)
end)

describe("a program that is pid 1 itself", function()
  it("cannot be stopped, so its sandbox is forked when it has ended", function()
    local dir <close> = host.scratch()
    local box = kept(dir, {as_init = true, script = "echo one >file; read x"})
    do
      local reader <close>, writer = core.pipe()
      local running <close> = assert(box:start {stdin = reader})
      refused(function() box:fork() end, "cannot be stopped for a fork")
      writer:close()
      assert.are.equal("exit", running:wait().outcome)
    end
    local try <close> = box:fork()
    assert.is_true(try:run("true").ok)
  end)
end)

describe("a sandbox without a state of its own", function()
  it("is not forked", function()
    for _, options in ipairs {{}, {lower = {"/etc"}}, {isolation = "filters"},
      {overlays = {{target = "/x", lower = {"/etc", "/usr"}, read_only = true}}}} do
      refused(function() sandbox.new(options):fork() end, "there is nothing to fork")
    end
  end)
end)

describe("a copy for a fork", function()
  it("that cannot be made says what is in its way, and leaves nothing", function()
    if host.is_root() then return pending("root may read everything") end
    local dir <close> = host.scratch()
    local box = kept(dir)
    box:run "echo secret >file; chmod 0 file"
    local before = names(dir.path)
    refused(function() box:fork() end, "cannot be copied: cp: cannot open '/proc/self/fd/3/./file'")
    assert.are.same(before, names(dir.path))
  end)
end)
