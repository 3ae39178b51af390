local core = require "moonsand.core"
local host = require "spec.support.host"
local json = require "dkjson"
local layers = require "spec.support.layers"
local main = require "moonsand.cli.main"
local screen = require "spec.support.screen"

-- `moonsand cache ...` over the store of a room.
local function cache(room, ...)
  local ui = screen.interface {MOONSAND_DIR = room.path}
  return main.call({"cache", ...}, ui), ui.out.text(), ui.err.text()
end

local function stocked()
  local room = layers.room()
  room.digest = room:tree("in", {x = ("x"):rep(5000)}, {name = "zlib:install"}).digest
  room.file = room.store:tree(room.digest).path .. "/x"
  room.store:put_record("action", ("a"):rep(64), "tree outputs " .. room.digest .. "\n")
  room.store:close()
  return room
end

-- A result that one built goes to another, who then has nothing to build.
describe("moonsand cache export and import", function()
  local function shell(dir, text)
    return layers.sh(([[
      M="$PWD/bin/moonsand"
      export BBPATH="$PWD/examples/recipes" MOONSAND_DIR='%s/one'
      cd %s
      %s]]):format(dir.path, dir.path, text))
  end

  it("carry a result to another store, where it is a hit", function()
    local dir <close> = host.scratch()
    local out, ok = shell(dir, [[
      $M build hello:install >/dev/null 2>&1 || exit
      $M cache export hello:install hello.tar
      export MOONSAND_DIR=$PWD/two
      $M cache import hello.tar
      $M cache verify
      $M build --progress=plain hello:install]])
    assert.is_truthy(ok, out)
    assert.matches("/hello%.tar: %d+ trees, %d+ work layers, %d+ bytes\n", out)
    assert.matches("hello:install: %d+ trees, %d+ work layers, %d+ records are new\n", out)
    assert.matches("records: 0 damaged\n", out)
    assert.matches("%d tasks: 0 ok, %d+ cached, [^\n]*0 failed", out)
  end)

  it("pin keeps a result that nothing else names, until unpin", function()
    local dir <close> = host.scratch()
    local out, ok = shell(dir, [[
      $M build hello:install >/dev/null 2>&1 || exit
      $M cache pin release hello:install
      $M cache gc --keep-size 0 --keep-builds 0 >/dev/null
      $M cache verify
      $M build --progress=plain hello:install 2>&1 | tail -1
      $M cache unpin other 2>&1 || true
      $M cache unpin release
      $M cache gc --keep-size 0 --keep-builds 0 | tail -1]])
    assert.is_truthy(ok, out)
    assert.matches("release: hello:install stays, %d+ trees and work layers\n", out)
    assert.matches("records: 0 damaged\n", out)
    assert.matches("tasks: 0 ok, %d+ cached", out)
    assert.matches("there is no pin 'other'.*pins: release\n", out)
    assert.matches("removed [1-9]%d* trees and work layers.*; 0 B stay, 0 of them held\n$", out)
  end)

  it("say what they take", function()
    local room <close> = stocked()
    for words, answer in pairs {["export x:y"] = "'cache export' takes TASK FILE",
      ["import"] = "'cache import' takes FILE", ["pin x"] = "'cache pin' takes NAME TASK",
      ["list more"] = "'cache list' takes no 'more'"} do
      local list = {}
      for word in words:gmatch("%S+") do list[#list + 1] = word end
      local code, _, err = cache(room, table.unpack(list))
      assert.are.equal(2, code)
      assert.is_truthy(err:find(answer, 1, true), err)
    end
  end)
end)

describe("moonsand cache", function()
  it("lists what there is, who made it and who holds it", function()
    local room <close> = stocked()
    local code, out = cache(room, "list")
    assert.are.equal(0, code)
    assert.matches("^tree        " .. room.digest:sub(1, 12)
      .. "  +6%.9 KiB +0 min +zlib:install\n$", out)
    room:reopen():pin("p", {room.digest})
    room.store:close()
    local list = json.decode((select(2, cache(room, "list", "--json"))))
    assert.are.same({1, room.digest, "zlib:install", 1, "pinned"},
      {#list, list[1].digest, list[1].name, list[1].files, list[1].held})
  end)

  it("says what each part takes", function()
    local room <close> = stocked()
    local _, out = cache(room, "size")
    assert.matches("trees +1 +6%.9 KiB\n", out)
    assert.matches("records +1 +%d+ B\n", out)
    local report = json.decode((select(2, cache(room, "size", "--json"))))
    local sum = 0
    for _, part in ipairs(report.parts) do sum = sum + part.bytes end
    assert.are.equal(sum, report.bytes)
    assert.are.equal(room.store_path, report.path)
  end)

  it("verifies, ends with 1 when something is damaged, and repairs on request", function()
    local room <close> = stocked()
    local code, out = cache(room, "verify")
    assert.are.same({0, "1 trees, 0 work layers, 1 records: 0 damaged\n"}, {code, out})
    layers.write(room.file, ("y"):rep(5000))
    assert.are.equal(0, (cache(room, "verify", "--quick")))
    local bad, said, hint = cache(room, "verify")
    assert.are.equal(1, bad)
    assert.matches("'x' has other content\n", said, 1, true)
    assert.matches("cache verify --repair", hint, 1, true)
    local report = json.decode((select(2, cache(room, "verify", "--json"))))
    assert.are.same({"tree", room.digest}, {report.findings[1].kind, report.findings[1].digest})
    local repaired, told = cache(room, "verify", "--repair")
    assert.are.equal(0, repaired)
    assert.matches("forgotten; it is in ", told, 1, true)
    assert.are.equal(0, (cache(room, "verify")))
    assert.is_nil(host.read(room.file))
  end)

  it("collects down to a size, and shows before what would go", function()
    local room <close> = stocked()
    local _, out = cache(room, "gc", "--keep-size", "0", "--dry-run")
    assert.matches("zlib:install\nwould remove 1 trees and work layers, 1 records", out, 1, true)
    assert.is_string(host.read(room.file))
    assert.are.equal(0, #json.decode((select(2, cache(room, "gc", "--keep-size", "1M", "--json"))))
      .removed)
    local code, text = cache(room, "gc", "--keep-size", "0")
    assert.are.equal(0, code)
    assert.matches("removed 1 trees", text, 1, true)
    assert.is_nil(host.read(room.file))
  end)

  it("collects what was not used for some days", function()
    local room <close> = stocked()
    cache(room, "gc", "--keep-days", "2")
    assert.is_string(host.read(room.file))
    assert(core.touch(room.file:gsub("/t/x$", "/meta"), core.time_ns() - 3 * 86400 * 1000000000))
    cache(room, "gc", "--keep-days", "2")
    assert.is_nil(host.read(room.file))
  end)

  it("makes no store where there is none", function()
    local dir <close> = host.scratch()
    local code, _, err = cache(dir, "list")
    assert.are.equal(1, code)
    assert.matches("there is no store in '" .. dir.path .. "/store'", err, 1, true)
    assert.are.same({}, core.readdir(dir.path))
  end)

  it("answers a mistake with the option that is meant", function()
    local room <close> = stocked()
    for words, message in pairs {
      ["list --repair"] = "'--repair' is an option of 'cache verify'",
      ["gc --keep-size many"] = "'--keep-size many': it is no size",
      ["gc --keep-days few"] = "'--keep-days few': it is not a number from 0 on",
      ["gc --keep-builds 1.5"] = "'--keep-builds 1.5': it is not a whole number from 0 on",
      ["gc --keep-days 1 --keep-size 1"] = "'--keep-size' and '--keep-days' cannot be given",
    } do
      local list = {}
      for word in words:gmatch "%S+" do list[#list + 1] = word end
      local code, _, err = cache(room, table.unpack(list))
      assert.are.equal(2, code, words)
      assert.matches(message, err, 1, true)
    end
  end)
end)

describe("moonsand cache protect", function()
  it("is refused without fs-verity, with what it takes; off is always possible", function()
    local room <close> = stocked()
    local code, _, err = cache(room, "protect", "on")
    if code == 0 then return pending "this file system has fs-verity" end
    assert.are.equal(1, code)
    assert.matches("fs%-verity: .*does not have it", err)
    assert.matches("tune2fs %-O verity", err)
    local off, out = cache(room, "protect", "off")
    assert.are.equal(0, off)
    assert.matches("not protected by fs%-verity", out)
    for _, words in ipairs {{"perhaps"}, {}, {"on", "off"}} do
      assert.are.equal(2, (cache(room, "protect", table.unpack(words))))
    end
  end)
end)
