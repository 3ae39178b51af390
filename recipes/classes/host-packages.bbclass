# A layer of Debian packages of this host: those of HOST_PACKAGES, those that are essential to Debian, as
# no package says that it depends on them, and all that these depend on. As the one layer of
# ROOT_LAYERS it is the host for strict recipes: files by digest, so that the same packages on two
# machines come to the same keys, and another package that is installed changes none.
HOST_PACKAGES ??= ""
# What of a package is left on the host. Of /etc, what people change; programs that are run while
# something is built find what they need below /usr.
HOST_PACKAGES_IGNORE = "/usr/share/doc /usr/share/info /usr/share/lintian /usr/share/locale /usr/share/man"

deltask fetch
deltask unpack
deltask patch
deltask configure
deltask compile
deltask populate_sysroot

EXCLUDE_FROM_WORLD = "1"

# The package database is part of the key of each task that sees the host; this one reads it, too.
do_install[host] = "packages"
do_install() {
    host_packages ${HOST_PACKAGES} > "${WORKDIR}/packages"
    host_files $(cat "${WORKDIR}/packages") > "${WORKDIR}/files"
    echo "$(wc -l < "${WORKDIR}/packages") packages, $(wc -l < "${WORKDIR}/files") files"
    tar -C / --no-recursion -T "${WORKDIR}/files" -c -f - |
        tar -C "${D}" --no-same-owner -x -f -
    for name in bin sbin lib lib32 lib64 libx32; do
        if [ -L "/$name" ]; then
            ln -s "$(readlink "/$name")" "${D}/$name"
        fi
    done
    host_alternatives
    rm "${WORKDIR}/packages" "${WORKDIR}/files"
}

# The names given, the essential ones, and those that they depend on, a line each. Of alternatives the
# first one that is installed; what nobody provides here is not needed, or dpkg would not have it so.
host_packages() {
    fields='${Package}\t${db:Status-Status}\t${Essential}\t${Provides}\t${Pre-Depends}, ${Depends}\n'
    dpkg-query -W -f "$fields" |
        awk -F '\t' -v wanted="$*" '
        function bare(text) {
            gsub(/\([^)]*\)|\[[^]]*\]|:[a-z0-9]+|[ \t]/, "", text)
            return text
        }
        $2 == "installed" {
            needs[$1] = $5
            if ($3 == "yes") essential = essential " " $1
            count = split($4, list, ",")
            for (i = 1; i <= count; i++) providers[bare(list[i])] = providers[bare(list[i])] " " $1
        }
        function provider(name,    list, count, i) {
            count = split(providers[name], list, " ")
            for (i = 1; i <= count; i++) if (list[i] in seen) return list[i]
            return list[1]
        }
        function add(name) {
            if (!(name in needs)) name = provider(name)
            if (name == "") return 0
            if (!(name in seen)) queue[++last] = name
            seen[name] = 1
            return 1
        }
        END {
            count = split(wanted essential, list, " ")
            for (i = 1; i <= count; i++) if (!add(list[i])) lacking = lacking " " list[i]
            if (lacking) {
                print "not installed here:" lacking > "/dev/stderr"
                print "as root: apt-get install" lacking > "/dev/stderr"
                exit 1
            }
            for (first = 1; first <= last; first++) {
                clauses = split(needs[queue[first]], clause, ",")
                for (i = 1; i <= clauses; i++) {
                    choices = split(clause[i], choice, "|")
                    for (k = 1; k <= choices; k++) if (add(bare(choice[k]))) break
                }
            }
            for (i = 1; i <= last; i++) print queue[i]
        }' > "${WORKDIR}/unsorted"
    sort "${WORKDIR}/unsorted"
    rm "${WORKDIR}/unsorted"
}

# The files of packages that can be read here, below /usr, without a slash in front. Where /bin is a
# link, what a package has there is below /usr, too. Directories come with their files. Programs with
# a set-id bit are nothing for a build.
host_files() {
    dpkg-query -L "$@" | grep '^/' > "${WORKDIR}/listed"
    sed -e 's,^/\(bin\|sbin\|lib\|lib32\|lib64\|libx32\)/,/usr/\1/,' "${WORKDIR}/listed" | sort -u |
        while IFS= read -r path; do
            for directory in ${HOST_PACKAGES_IGNORE}; do
                case $path in "$directory"/*) continue 2 ;; esac
            done
            case $path in /usr/*) ;; *) continue ;; esac
            if [ -L "$path" ]; then
                echo "${path#/}"
            elif [ -f "$path" ] && [ -r "$path" ] && [ ! -u "$path" ] && [ ! -g "$path" ]; then
                echo "${path#/}"
            fi
        done
    rm "${WORKDIR}/listed"
}

# /usr/bin/awk is a link to /etc/alternatives/awk, and that one to a program. Here it is one link, to
# another program that does the same where that one is not among ours: those that dpkg knows of.
host_alternatives() {
    for path in /usr/bin/* /usr/sbin/*; do
        link=$(readlink "$path") || continue
        case $link in /etc/alternatives/*) ;; *) continue ;; esac
        # There a choice is a path, and a line with its priority.
        others=$(awk '/^-?[0-9]+$/ { print last } { last = $0 }' \
            "/var/lib/dpkg/alternatives/${link##*/}" 2>/dev/null) || :
        for program in $(readlink "$link") $others; do
            if [ -f "${D}$program" ]; then
                ln -sf "$program" "${D}$path"
                break
            fi
        done
    done
}
