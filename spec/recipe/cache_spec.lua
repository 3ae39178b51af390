-- The parse cache and the processes that read recipes.
local core = require "moonsand.core"
local host = require "spec.support.host"
local recipe = require "moonsand.recipe"
local record = require "moonsand.recipe.record"
local survey = require "moonsand.recipe.survey"

describe("reading many recipes", function()
  local scratch

  before_each(function()
    scratch = host.scratch()
    scratch:file("conf/moonsand.conf", ([[
PN = "${@bb.parse.vars_from_file(d.getVar('FILE', False), d)[0] or 'none'}"
PV = "1"
BBFILES = "%s/r/*.bb %s/r/*.bbappend"
include conf/local.conf
]]):format(scratch.path, scratch.path))
    scratch:file("r/a.bb", 'PROVIDES = "x y"\nDEPENDS = "b"\nrequire a.inc\ninclude more.inc\n')
    scratch:file("r/a.inc", 'A = "1"\naddtask z\n')
    scratch:file("r/b.bb", 'DEFAULT_PREFERENCE = "-1"\n')
  end)
  after_each(function() scratch:__close() end)

  local function configure(more)
    local options = {path = {scratch.path}, cache = scratch.path .. "/cache"}
    for name, value in pairs(more or {}) do options[name] = value end
    return recipe.configure(options)
  end

  local function read(more)
    local config = configure(more)
    return survey.read(config), config
  end

  -- A file system may tell times in steps: what changes must differ in size.
  it("reads a file once, for as long as nothing that it was made from changes", function()
    assert.are.equal(2, read().read)
    local all = read()
    assert.are.equal(0, all.read)
    assert.are.same({"x", "y"}, {all.recipes[1].provides[2], all.recipes[1].provides[3]})
    assert.are.same({"b"}, all.recipes[1].depends)
    assert.are.equal(-1, all.recipes[2].preference)
    scratch:file("r/a.inc", 'A = "changed"\n')
    assert.are.equal(1, read().read)
    assert.are.equal(0, read().read)
  end)

  it("keeps what is known of each configuration for itself", function()
    scratch:file("conf/local.conf", 'BBMULTICONFIG = "small"\nHIDDEN = "/none"\n' ..
      'BBMASK = "${HIDDEN}"\n' .. "include conf/${BB_CURRENT_MC}.conf\n")
    scratch:file("conf/small.conf", 'HIDDEN = "/b.bb"\n')
    local function read_both()
      local all, config = read()
      local small = survey.read(config:multiconfig "small")
      return all, small
    end
    local all, small = read_both()
    assert.are.same({2, 1, 1}, {all.read, small.read, #small.recipes})
    all, small = read_both()
    assert.are.same({0, 0, 2, 1}, {all.read, small.read, #all.recipes, #small.recipes})
    assert.is_nil(all.recipes[1].configuration)
    assert.are.equal("small", small.recipes[1].configuration)
    scratch:file("conf/small.conf", 'HIDDEN = "/a.bb" \n')
    all, small = read_both()
    assert.are.same({0, 1, "b"}, {all.read, small.read, small.recipes[1].name})
  end)

  it("keeps neither the stores nor the statements of many", function()
    for i = 1, 70 do
      scratch:file(("r/many%d.bb"):format(i), "require r/a.inc\nB = \"1\"\naddtask y\n")
    end
    local all, config = read()
    assert.are.equal(72, #all.recipes)
    for path in pairs(config.reader.statements) do assert.is_nil(path:find("%.bb$"), path) end
    assert.is_table(config.reader.statements[scratch.path .. "/r/a.inc"])
    assert.are.same({}, config.loaded)
    assert.are.equal("1", all.recipes[40].data:get "B")
  end)

  it("reads it again when a file is there that was looked for in vain, or an append", function()
    read()
    scratch:file("r/more.inc", "")
    assert.are.equal(1, read().read)
    scratch:file("r/b.bbappend", 'B = "1"\n')
    assert.are.equal(1, read().read)
    scratch:file("r/c.bb", "")
    assert.are.equal(1, read().read)
    assert(core.unlink(scratch.path .. "/r/c.bb"))
    local all = read()
    assert.are.equal(0, all.read)
    assert.are.equal(2, #all.recipes)
  end)

  it("reads all of them again when the configuration is another one", function()
    read()
    scratch:file("conf/local.conf", 'L = "1"\n')
    assert.are.equal(2, read().read)
    assert.are.equal(0, read().read)
    assert.are.equal(2, read({variables = {V = "1"}}).read)
  end)

  it("reads the store of a recipe that the cache knows when somebody asks for it", function()
    read()
    local all, config = read()
    assert.are.equal(0, all.read)
    assert.are.equal("1", all.recipes[1].data:get("A"))
    assert.are.equal("do_z", all.recipes[1].tasks[1].name)
    assert.are.equal("a", config:find("y").name)
    assert.are.equal("1", config:find("y").data:get("A"))
  end)

  it("does not believe a damaged cache, and mends it", function()
    read()
    local directory = scratch.path .. "/cache/"
    local name = core.readdir(directory)[1]
    local text = host.read(directory .. name)
    for _, damaged in ipairs {
      "", text:sub(1, -2), text:sub(1, #text // 2), "x" .. text, text .. "x",
      text:sub(1, 150) .. "\0\0\0" .. text:sub(154),
    } do
      local file <close> = assert(io.open(directory .. name, "wb"))
      file:write(damaged)
      file:close()
      assert.are.equal(2, read().read)
      assert.are.equal(0, read().read)
    end
  end)

  it("goes on without a cache where none can be written", function()
    scratch:file("cache", "a file, not a directory")
    assert.are.equal(2, read().read)
    assert.are.equal(2, read().read)
  end)

  it("keeps no recipe that failed, and reads the others", function()
    scratch:file("r/bad.bb", "\noops\n")
    local all = read()
    assert.are.equal(1, #all.failures)
    assert.are.equal(scratch.path .. "/r/bad.bb:2", all.failures[1].problem.where)
    all = read()
    assert.are.equal(1, all.read)
    assert.are.equal(1, #all.failures)
    assert.are.equal(2, #all.recipes)
  end)

  local function many(count)
    for i = 1, count do
      scratch:file(("r/m%03d.bb"):format(i), ('PROVIDES = "p%d"\n'):format(i))
    end
  end

  it("in several processes gives what one gives, errors included", function()
    many(100)
    scratch:file("r/bad.bb", "\noops\n")
    local function all_of(jobs)
      local all = read({jobs = jobs})
      local lines = {}
      for i, each in ipairs(all.recipes) do
        lines[i] = record.record({each}, each.data).text
      end
      for _, failure in ipairs(all.failures) do
        lines[#lines + 1] = failure.file .. tostring(failure.problem)
      end
      return table.concat(lines, "\n")
    end
    local one = all_of(1)
    assert(core.remove_tree(scratch.path .. "/cache"))
    assert.are.equal(one, all_of(3))
    assert.is_truthy(one:find("unparsed line", 1, true))
  end)

  it("tells the files of a process that was killed", function()
    many(100)
    -- long steps: the bound on their number must not stop it before the process is killed
    scratch:file("r/m050.bb", "lua () {\n    local x = ('x'):rep(1000000)\n" ..
      "    while true do x:find('y', 1, true) end\n}\n")
    local config, killed = configure({jobs = 2}), false
    local all = survey.read(config, {progress = function(done)
      if killed or done < 60 then return end
      killed = true
      local own = ("/proc/self/task/%d/children"):format(core.getpid())
      os.execute("kill -KILL " .. host.read(own))
    end})
    assert.is_true(#all.failures > 0)
    for _, failure in ipairs(all.failures) do
      assert.are.equal("helper", failure.problem.reason)
      assert.is_truthy(failure.problem.where)
    end
    assert.are.equal(102, #all.recipes + #all.failures)
  end)
end)

describe("core.fork", function()
  it("makes a copy that the parent can wait for", function()
    local reader, writer = assert(core.pipe())
    local process = core.fork()
    if process == false then
      writer:write("from the copy")
      os.exit(7, false)
    end
    writer:close()
    assert.are.equal("from the copy", reader:read())
    assert.are.equal("", reader:read())
    local ended
    host.eventually(function()
      ended = process:wait()
      return ended
    end)
    assert.are.equal(7, ended.exit_code)
    process:close()
    reader:close()
  end)

  it("makes a copy that ends when its handle is closed", function()
    local reader, writer = assert(core.pipe())
    local process = core.fork()
    if process == false then
      core.poll({{fd = reader}}, 60)
      os.exit(0, false)
    end
    writer:close()
    process:close()
    assert.are.equal("", reader:read())
    reader:close()
  end)
end)
