-- The completions are loaded by the shells themselves.
local completion = require "moonsand.cli.completion"
local core = require "moonsand.core"
local host = require "spec.support.host"

local function has(shell)
  return os.execute("command -v " .. shell .. " >/dev/null")
end

--- What a shell says to a script, with the completions in $F.
local function ask(shell, script)
  local dir <close> = host.scratch()
  local file = dir:file("completions", completion.text(shell))
  dir:file("script", script)
  local pipe <close> = assert(io.popen(
    ("env PATH=%s/bin:$PATH HOME=%s F=%s %s %s/script 2>&1"):format(core.realpath ".", dir.path,
      file, shell, dir.path)))
  return pipe:read "a"
end

--- What bash would offer for words, the last of which is being typed.
local function bash(...)
  local words = {}
  for i, word in ipairs {...} do words[i] = "'" .. word .. "'" end
  return ask("bash", (". $F; COMP_WORDS=(%s); COMP_CWORD=%d; _moonsand; " ..
    "printf '%%s\\n' \"${COMPREPLY[@]}\" | sort"):format(table.concat(words, " "), #words - 1))
end

describe("the completions of bash", function()
  it("offer the verbs", function()
    assert.are.equal("recipes\nrepl\nrun\n", (bash("moonsand", "r"):gsub("report\n", "")))
  end)

  it("offer every option of every verb", function()
    for _, verb in ipairs(completion.verbs()) do
      local offered = bash("moonsand", verb.name, "--")
      for _, option in ipairs(verb.options) do
        for _, name in ipairs(option.names) do
          if name:sub(1, 2) == "--" then
            assert.is_truthy(("\n" .. offered):find("\n" .. name .. "\n", 1, true),
              verb.name .. " " .. name)
          end
        end
      end
    end
  end)

  it("offer the choices of an option, files for its value, and recipes", function()
    assert.are.equal("plain\n", bash("moonsand", "build", "--progress", "pl"))
    assert.are.equal("lua\n", bash("moonsand", "run", "--ro", "lu"))
    assert.are.equal("zlib\n", bash("moonsand", "build", "zli"))
    assert.are.equal("bash\n", bash("moonsand", "completion", "ba"))
  end)

  it("offer an option alone, and with the choices that it may have", function()
    assert.are.equal("--audit\n--audit=full\n", bash("moonsand", "build", "--aud"))
  end)

  it("offer commands and files after --", function()
    assert.is_truthy(bash("moonsand", "run", "--", "tru"):find("true\n", 1, true))
  end)
end)

describe("the completions of fish", function()
  it("are loaded, and offer verbs and options", function()
    if not has "fish" then return pending "fish is not installed" end
    local text = ask("fish", "source $F; complete -C 'moonsand vers'; " ..
      "complete -C 'moonsand run --tmp'; complete -C 'moonsand build --progress pl'; " ..
      "complete -C 'moonsand build --aud'")
    assert.is_truthy(text:find("version\tthe version", 1, true), text)
    assert.is_truthy(text:find("--tmpfs\tan empty file system", 1, true), text)
    assert.is_truthy(text:find("plain", 1, true), text)
    assert.is_truthy(text:find("--audit\t", 1, true), text)
    assert.is_truthy(text:find("--audit=full\t", 1, true), text)
  end)
end)

describe("the completions of zsh", function()
  it("are loaded", function()
    if not has "zsh" then return pending "zsh is not installed" end
    assert.are.equal("_moonsand\n", ask("zsh",
      "autoload -Uz compinit; compinit -D -u; source $F; print $_comps[moonsand]"))
  end)

  it("have every verb and option", function()
    local text = completion.text "zsh"
    for _, verb in ipairs(completion.verbs()) do
      assert.is_truthy(text:find("'" .. verb.name .. ":", 1, true), verb.name)
      for _, option in ipairs(verb.options) do
        for _, name in ipairs(option.names) do
          local shown = "'*" .. name:gsub("%?", "\\?") .. (option.attached[1] and "=-[" or "[")
          assert.is_truthy(text:find(shown, 1, true), verb.name .. " " .. name)
        end
      end
    end
  end)
end)
