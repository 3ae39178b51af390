# A task that runs what was installed, in a sandbox whose root is only that, and busybox for a shell:
# `moonsand build zlib:test`.
inherit ldconfig

addtask test after do_install

# [root] = "outputs": no host. This recipe's outputs lie over those of [depends].
do_test[root] = "outputs"
do_test[depends] = "busybox:do_install"
do_test[dirs] = "${WORKDIR}"

# What a test writes is of no use to anybody once it went well, and much of it is another thing each time:
# keys, times. After a failure it is there, in the sandbox as it stopped.
do_test[postfuncs] = "remove_test_files"
remove_test_files() {
    for file in "${WORKDIR}"/* "${WORKDIR}"/.[!.]*; do
        case $file in
        "${STAGING_DIR_HOST}" | "${STAGING_DIR_NATIVE}") ;;
        *) rm -rf "$file" ;;
        esac
    done
}
