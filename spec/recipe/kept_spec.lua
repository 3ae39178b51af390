-- A configuration that is kept in the parse cache: it gives the same answers, and never old ones.
local core = require "moonsand.core"
local host = require "spec.support.host"
local python = require "moonsand.build.python"
local recipe = require "moonsand.recipe"

describe("a configuration that is kept", function()
  local scratch, opened, started

  -- What was written a moment ago is not kept.
  local function settle()
    assert(os.execute(("find '%s' -exec touch -h -d '1 hour ago' {} +"):format(scratch.path)))
  end

  local function file(name, text)
    scratch:file(name, text)
    settle()
  end

  before_each(function()
    scratch, opened, started = host.scratch(), {}, 0
    scratch:file("conf/moonsand.conf", [[
BBFILES = "${TOP}/r/*.bb"
A ?= "weak"
A:append = " more"
A:append:o = " over"
OVERRIDES = "o:p"
A[flag] = "f"
LIST = "x"
LIST += "y"
DEPENDS:o = "z"
include conf/local.conf
include conf/later.conf
INHERIT = "c"
]])
    scratch:file("classes/c.bbclass", 'C = "class"\nf() {\n  :\n}\naddtask f\n')
    scratch:file("r/a.bb", 'R = "${A} ${C}"\n')
    scratch:file("conf/local.conf", "")
    settle()
  end)
  after_each(function()
    for _, config in ipairs(opened) do config:close() end
    scratch:__close()
  end)

  local function configure(more)
    local options = {path = {scratch.path}, cache = scratch.path .. "/cache",
      variables = {TOP = scratch.path}}
    for name, value in pairs(more or {}) do options[name] = value end
    local config = recipe.configure(options)
    opened[#opened + 1] = config
    return config, next(config.reader.statements) == nil
  end

  -- Python as it is run, counted.
  local function counted()
    local one = python.new(core.realpath "python")
    local start = one.start
    function one.start(...)
      started = started + 1
      return start(...)
    end
    return one
  end

  local function with_python(more)
    local options = {python = counted()}
    for name, value in pairs(more or {}) do options[name] = value end
    return configure(options)
  end

  local function assert_kept(more)
    configure(more)
    local _, kept = configure(more)
    assert.is_true(kept)
  end

  local function observes()
    file("conf/local.conf", 'P = "${@os.path.exists(\'/x\')}"\nQ := "${P}"\n')
    with_python()
    local _, kept = with_python()
    started = 0
    return kept
  end

  it("has the same values, texts, flags, names and history, and is not read", function()
    local first = configure()
    local second, kept = configure()
    assert.is_true(kept)
    assert.are.equal("weak more over", second.data:get "A")
    assert.are.same(first.data:names(), second.data:names())
    for _, name in ipairs(first.data:names()) do
      assert.are.equal(first.data:raw(name), second.data:raw(name), name)
      assert.are.equal(first.data:get(name), second.data:get(name), name)
      assert.are.same(first.data:flags(name), second.data:flags(name), name)
      assert.are.same(first.data:flag_names(name), second.data:flag_names(name), name)
      assert.are.same(first.data:where(name), second.data:where(name), name)
    end
    assert.are.same(first.data:export_names(), second.data:export_names())
    assert.are.equal(first.data:included(), second.data:included())
  end)

  it("is what recipes are read with", function()
    configure()
    local config, kept = configure()
    assert.is_true(kept)
    local found = config:load(scratch.path .. "/r/a.bb")
    assert.are.equal("weak more over class", found.data:get "R")
    assert.are.equal("do_f", found.tasks[1].name)
    found.data:set("A", "mine")
    assert.are.equal("mine class", found.data:get "R")
    assert.are.equal("weak more over", config.data:get "A")
  end)

  it("says its warnings each time", function()
    file("conf/local.conf", 'B="1"\n')
    local first = configure()
    local second, kept = configure()
    assert.is_true(kept)
    assert.are.equal(1, #second.warnings)
    assert.are.same(first.warnings, second.warnings)
  end)

  it("is read again when a file of it is another one, or is gone", function()
    assert_kept()
    scratch:file("conf/local.conf", 'A = "local"\n')
    assert.are.equal("local more over", configure().data:get "A")
    settle()
    assert_kept()
    scratch:file("classes/c.bbclass", 'C = "another"\n')
    assert.are.equal("another", configure().data:get "C")
    settle()
    assert_kept()
    assert(core.unlink(scratch.path .. "/conf/local.conf"))
    assert.are.equal("weak more over", configure().data:get "A")
  end)

  it("is read again when a file is there that was looked for in vain", function()
    assert_kept()
    scratch:file("conf/later.conf", 'A = "later"\n')
    assert.are.equal("later more over", configure().data:get "A")
    settle()
    assert_kept()
    scratch:file("classes-global/c.bbclass", 'C = "global"\n')
    assert.are.equal("global", configure().data:get "C")
  end)

  it("is read again when a link that led nowhere leads to a file", function()
    local target = scratch.path .. "/elsewhere/later.conf"
    assert(core.mkdirs(scratch.path .. "/elsewhere"))
    assert(os.execute(("ln -s '%s' '%s/conf/later.conf'"):format(target, scratch.path)))
    settle()
    assert_kept()
    scratch:file("elsewhere/later.conf", 'A = "linked"\n')
    assert.are.equal("linked more over", configure().data:get "A")
  end)

  it("is read again when a directory before it in BBPATH has a file of the same name", function()
    local front = {path = {scratch.path .. "/front", scratch.path}}
    assert_kept(front)
    scratch:file("front/conf/local.conf", 'A = "front"\n')
    assert.are.equal("front more over", configure(front).data:get "A")
    settle()
    assert_kept(front)
    assert.are.equal("weak more over", configure().data:get "A")
  end)

  it("is another one in another environment, with other variables, for a multiconfig", function()
    file("conf/local.conf", 'A = "${USER} ${BB_CURRENT_MC}"\nBBMULTICONFIG = "m"\n')
    local function of(user, directory)
      return configure {environment = {USER = user, PWD = directory}}
    end
    of("one", "/d")
    assert.are.equal("two  more over", of("two", "/d").data:get "A")
    assert.are.equal("one  more over", of("one", "/d").data:get "A")
    assert.are.equal("/e", of("one", "/e").data:get "PWD")
    assert.are.equal("one m more over", of("one", "/d"):multiconfig("m").data:get "A")
    local again = of("one", "/d"):multiconfig("m")
    assert.are.equal("one m more over", again.data:get "A")
    assert.is_nil(next(again.reader.statements))
    local config, kept = configure {variables = {TOP = "/other"}}
    assert.is_false(kept)
    assert.are.equal("/other", config.data:get "TOP")
  end)

  it("follows the layers that bblayers.conf names", function()
    for _, name in ipairs {"one", "two"} do
      scratch:file(name .. "/conf/layer.conf", ('LAYER_%s = "${LAYERDIR}"\n'):format(name))
    end
    local layers = 'BBLAYERS = "%s/one %s/two"\n'
    file("conf/bblayers.conf", layers:format(scratch.path, scratch.path))
    assert_kept()
    assert.are.equal(scratch.path .. "/two", configure().data:get "LAYER_two")
    scratch:file("conf/bblayers.conf", ('BBLAYERS = "%s/one"\n'):format(scratch.path))
    assert.is_nil(configure().data:get "LAYER_two")
  end)

  it("has its recipe files, until one comes or goes, or an append", function()
    configure():recipes()
    local config = configure()
    assert.are.same({scratch.path .. "/r/a.bb"}, config:recipes())
    assert.is_nil(config.collections) -- nobody had to look
    file("r/b.bb", "")
    assert.are.equal(2, #configure():recipes())
    config = configure()
    assert.are.equal(2, #config:recipes())
    assert.is_nil(config.collections)
    file("conf/local.conf", 'BBFILES += "${TOP}/more/*.bb"\n')
    assert.are.equal(2, #configure():recipes())
    file("more/c.bb", "")
    assert.are.equal(3, #configure():recipes())
    assert(core.unlink(scratch.path .. "/r/b.bb"))
    assert.are.equal(2, #configure():recipes())
  end)

  it("is not kept while its files may still be written", function()
    scratch:file("conf/local.conf", 'A = "new"\n')
    assert(os.execute(("touch -d '1 hour' '%s/conf/local.conf'"):format(scratch.path)))
    configure()
    local _, kept = configure()
    assert.is_false(kept)
  end)

  it("is read again when what is kept is damaged, whatever the damage", function()
    configure()
    local name = core.readdir(scratch.path .. "/cache")[1]
    local path = "cache/" .. name
    local text = require("moonsand.text").read(scratch.path .. "/" .. path)
    for _, damage in ipairs {"", text:sub(1, 100), text:sub(1, #text - 1),
      text:sub(1, 500) .. "\0" .. text:sub(502)} do
      scratch:file(path, damage)
      local config, kept = configure()
      assert.is_false(kept)
      assert.are.equal("weak more over", config.data:get "A")
      local _, now = configure()
      assert.is_true(now)
    end
  end)

  it("starts no Python for what is kept", function()
    if not observes() then return pending "this host cannot observe what Python looks at" end
    local config = with_python()
    assert.are.equal("False", config.data:get "Q")
    assert.are.equal(0, started)
    assert.are.equal("3", config.data:expand "${@sum([1, 2])}")
    assert.are.equal(1, started)
  end)

  it("has Python's answers that depend on variables alone, for choosing among recipes", function()
    if not observes() then return pending "this host cannot observe what Python looks at" end
    file("conf/local.conf", [[
WORD = "b c"
PREFERRED_PROVIDER_x = "${@sorted(d.getVar('WORD').split())[0]}"
PREFERRED_VERSION_x = "${@str(time.time())}"
PREFERRED_VERSION_y = "${@d.nothing()}"
KEY = "${@'-'.join(sorted(d.getVar('WORD').split()))}"
NAME_${KEY} = "y"
]])
    with_python()
    local d = with_python().data
    started = 0
    assert.are.equal("b", d:get "PREFERRED_PROVIDER_x")
    d:copy():expand_keys()
    assert.are.equal(0, started)
    d:set("WORD", "e")
    assert.are.equal("e", d:get "PREFERRED_PROVIDER_x")
    assert.are.equal(1, started)
    assert.is_false(pcall(d.get, d, "PREFERRED_VERSION_y"))
    assert.are_not.equal(d:get "PREFERRED_VERSION_x", with_python().data:get "PREFERRED_VERSION_x")
  end)

  it("is read again when what Python looked at is another one", function()
    if not observes() then return pending "this host cannot observe what Python looks at" end
    scratch:file("seen/there", "x")
    scratch:file("lib/pack/__init__.py", "BBIMPORTS = ['part']\n")
    scratch:file("lib/pack/part.py", "value = 1\n")
    file("conf/local.conf", ([[
addpylib TOP/lib pack
FILE_IS := "${@open('TOP/seen/there').read()}"
OTHER_IS := "${@os.path.exists('TOP/seen/other')}"
NAMES := "${@' '.join(sorted(os.listdir('TOP/seen')))}"
VALUE := "${@pack.part.value}"
]]):gsub("TOP", scratch.path))
    local more = {path = {scratch.path, scratch.path .. "/lib"}}
    local function values()
      local d = with_python(more).data
      return table.concat({d:get "FILE_IS", d:get "OTHER_IS", d:get "NAMES", d:get "VALUE"}, ",")
    end
    local function kept()
      started = 0
      return values(), started == 0
    end
    assert.are.equal("x,False,there,1", values())
    assert.are.same({"x,False,there,1", true}, {kept()})
    scratch:file("seen/there", "changed")
    assert.are.equal("changed,False,there,1", values())
    settle()
    values()
    assert.is_true(select(2, kept()))
    scratch:file("seen/other", "")
    assert.are.equal("changed,True,other there,1", values())
    settle()
    values()
    assert.is_true(select(2, kept()))
    scratch:file("lib/pack/part.py", "value = 1234\n")
    assert.are.equal("changed,True,other there,1234", values())
  end)

  it("has the time of now where an expression is nothing but that", function()
    if not observes() then return pending "this host cannot observe what Python looks at" end
    file("conf/local.conf", 'NOW := "${@time.time()}"\nLATER = "at ${NOW}"\n')
    local first = with_python().data:get "LATER"
    started = 0
    local config = with_python()
    assert.are.equal(0, started)
    local second = config.data:get "LATER"
    assert.are_not.equal(first, second)
    assert.are.equal(second, config.data:get "LATER")
    assert.are.equal("at " .. config.data:get "NOW", second)
    assert.are_not.equal(second, with_python().data:get "LATER")
  end)

  it("is not kept when what the clock said went into it, or chance", function()
    if not observes() then return pending "this host cannot observe what Python looks at" end
    for _, text in ipairs {
      'NOW := "${@time.time()}"\nUSED := "${NOW}"\n', 'NOW := "${@time.time()}"\nNOW .= "x"\n',
      'NOW := "at ${@time.time()}"\n', 'X := "x${@__import__(\'uuid\').uuid4()}"\n',
      'X := "x${@os.urandom(4).hex()}"\n', 'X := "x${@__import__(\'datetime\').datetime.now()}"\n',
      'X := "${@open(\'/proc/meminfo\').read()[:5]}"\n',
    } do
      file("conf/local.conf", text)
      with_python()
      started = 0
      with_python()
      assert.are.equal(1, started, text)
    end
    file("conf/local.conf", 'NOW := "${@time.time()}"\nNOW = "fixed"\n')
    with_python()
    started = 0
    assert.are.equal("fixed", with_python().data:get "NOW")
    assert.are.equal(0, started)
  end)
end)
