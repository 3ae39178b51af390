std = "lua54"
max_line_length = 100
unused_args = true
files["spec"].std = "+busted"
files["bench"].std = "lua54"
exclude_files = {"build", "spec/data"}
