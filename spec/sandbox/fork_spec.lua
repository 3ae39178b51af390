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

  it("is refused when its state is in memory: which, and what to do", function()
    local box <close> = assert(sandbox.new({lower = {"/etc"}}):prepare())
    refused(function() box:fork() end, "what is written to '/work' is in the sandbox's own memory")
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
    refused(function() box:fork() end, "cannot be copied: cp: cannot open '/from/./file'")
    assert.are.same(before, names(dir.path))
  end)
end)
