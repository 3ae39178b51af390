# No host: the root of each task of the recipe is what the recipes of ROOT_LAYERS have installed, the
# first of them on top. `INHERIT += "strict"` in the configuration is for all recipes, but those of
# ROOT_LAYERS, and those of STRICT_EXEMPT, which these are made from.
ROOT_LAYERS ??= ""
STRICT_EXEMPT ??= ""

lua () {
    local depends = {}
    for name in (ROOT_LAYERS .. " " .. STRICT_EXEMPT):gmatch("%S+") do
        if name == PN then return end
    end
    for name in ROOT_LAYERS:gmatch("%S+") do depends[#depends + 1] = name .. ":do_install" end
    for _, name in ipairs(d:names()) do
        local off = d:flag(name, "noexec") or d:flag(name, "builtin") or d:flag(name, "root")
        if d:flag(name, "task") and not off then
            d:set_flag(name, "root", "layers")
            d:set_flag(name, "depends",
                (d:flag(name, "depends") or "") .. " " .. table.concat(depends, " "))
        end
    end
}
