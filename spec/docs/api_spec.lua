-- docs/api.md is what the sources say.
local core = require "moonsand.core"
local host = require "spec.support.host"

local api = dofile "docs/api.lua"

describe("the page of the Lua interface", function()
  it("is what `make api` makes of the annotations", function()
    assert.is_true(host.read "docs/api.md" == api.page(), "it has drifted: run `make api`")
  end)

  it("has every function of the core that is no verb", function()
    local page, verbs = api.page(), core.verbs()
    for name, value in pairs(core) do
      if type(value) == "function" and not verbs[name] then
        assert.is_truthy(page:find("#### `core." .. name .. "(", 1, true)
          or page:find("#### `core.tree." .. name .. "(", 1, true), "core." .. name)
      end
    end
  end)

  it("has every function of the modules that the facade names", function()
    local page = api.page()
    for _, name in ipairs {"sandbox", "layer", "build", "fault", "loop", "order", "scope"} do
      for key, value in pairs(require("moonsand." .. name)) do
        if type(value) == "function" then
          assert.is_truthy(page:find(("#### `%s.%s("):format(name, key), 1, true),
            name .. "." .. key)
        end
      end
    end
  end)
end)
