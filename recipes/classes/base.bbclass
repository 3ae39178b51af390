# The tasks of every recipe, and the two that never change: unpack and patch.

addtask fetch
addtask unpack after do_fetch
addtask patch after do_unpack
addtask configure after do_patch
addtask compile after do_configure
addtask install after do_compile
addtask populate_sysroot after do_install
addtask build after do_install do_populate_sysroot

# Fetching and collecting are moonsand's own work; there is no script.
do_fetch[builtin] = "fetch"
do_fetch[network] = "1"

# [sources]: which files of SRC_URI the task sees, read-only, below /run/moonsand/sources.
do_unpack[sources] = "archive file"
do_unpack[dirs] = "${WORKDIR}"
do_unpack[vardepsexclude] = "${COMPILER_VARIABLES}"
do_unpack() {
    mkdir -p "${S}"
    while IFS="$(printf '\t')" read -r how file directory strip; do
        case "$how" in
        archive) unpack_archive "/run/moonsand/sources/$file" "${S}/$directory" ;;
        file) cp "/run/moonsand/sources/$file" "${WORKDIR}/$file" ;;
        esac
    done < /run/moonsand/sources.list
}

# The one directory at the top of an archive is dropped, whatever its name.
unpack_archive[vardepsexclude] = "${COMPILER_VARIABLES}"
unpack_archive() {
    echo "unpacking ${1##*/}"
    room="${WORKDIR}/.unpack"
    mkdir -p "$room" "$2"
    tar -x --no-same-owner --no-same-permissions -f "$1" -C "$room"
    inner="$room/$(ls -A "$room")"
    if [ ! -d "$inner" ]; then
        inner="$room"
    fi
    if rmdir "$2" 2>/dev/null; then
        mv "$inner" "$2"
    else
        cp -a "$inner/." "$2/"
    fi
    rm -rf "$room"
}

do_patch[sources] = "patch"
do_patch[dirs] = "${S}"
do_patch[vardepsexclude] = "${COMPILER_VARIABLES}"
do_patch() {
    while IFS="$(printf '\t')" read -r how file directory strip; do
        echo "applying $file"
        patch -d "${S}/$directory" -p"$strip" -i "/run/moonsand/sources/$file"
    done < /run/moonsand/sources.list
}

do_configure[deptask] = "do_populate_sysroot"
do_configure[dirs] = "${B}"
do_configure() {
    :
}

do_compile[dirs] = "${B}"
do_compile() {
    oe_runmake
}

do_install[dirs] = "${D} ${B}"
do_install[collect] = "outputs"
do_install() {
    oe_runmake install DESTDIR="${D}"
}

# [collect]: the tree that is taken out of /work when the task has ended.
do_populate_sysroot[builtin] = "collect"
do_populate_sysroot[collect] = "sysroot"

do_build[noexec] = "1"

oe_runmake() {
    make ${PARALLEL_MAKE} ${EXTRA_OEMAKE} "$@"
}

# Messages of a task: to the log, and to who builds. Descriptor 19 is the output, whatever a function's
# own is; where it is not there, the output has to do. (dash knows no >&19.)
moonsand_tell() {
    if ! { printf '\036moonsand %s %s\037' "$1" "$2" >/dev/fd/19; } 2>/dev/null; then
        echo "$2"
    fi
}

bbplain() {
    moonsand_tell p "$*"
}

bbnote() {
    moonsand_tell n "$*"
}

bbverbnote() {
    moonsand_tell n "$*"
}

bbwarn() {
    moonsand_tell w "$*"
}

bberror() {
    moonsand_tell e "$*"
}

bbfatal() {
    moonsand_tell e "$*"
    exit 1
}

bbfatal_log() {
    moonsand_tell e "$*"
    exit 1
}

# bbdebug LEVEL TEXT
bbdebug() {
    shift
    moonsand_tell d "$*"
}
