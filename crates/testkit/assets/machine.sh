# Boots this computer's own system once more, as a small machine beside it: systemd as process 1 of
# private namespaces, on an overlay of the root directory that is thrown away. Needs root, and a mount
# namespace of its own, where nothing that it mounts is seen by anybody else:
#
#     unshare --mount --propagation private bash machine.sh DIR GROUP NAME [KERNEL-ARGUMENT…]
#
# DIR/files is copied over the machine's root, DIR/bin is its /usr/local/bin, DIR/share its /share, and
# DIR/journal its journal. GROUP names the control group, directly below the hierarchy's root, that
# all processes of the machine are in: killing that leaves nothing. Ends as systemd-nspawn does: 0
# when the machine was powered off, 133 when it was to be restarted. Where NOTIFY_SOCKET is set,
# READY=1 goes there when the machine is up. Writes "booting" when it hands over to systemd-nspawn.
set -euo pipefail
dir=$1 group=$2 name=$3
shift 3

# The machine runs on the unified hierarchy, whatever this computer has mounted there. The same one
# cannot be mounted over itself.
[ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || mount -t cgroup2 cgroup2 /sys/fs/cgroup
echo $$ >"/sys/fs/cgroup/$group/cgroup.procs"

# systemd-nspawn keeps locks and what it passes on there, also of machines that this computer runs.
mkdir -p /run/systemd
mount -t tmpfs -o mode=755 tmpfs /run/systemd

mount -t tmpfs -o mode=755 tmpfs "$dir/disk"
mkdir "$dir"/disk/{changes,work,root}
root=$dir/disk/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$dir/disk/changes,workdir=$dir/disk/work" "$root"

# What somebody keeps on this computer beside the system is not the machine's to see.
for path in "$root"/*; do
    case ${path##*/} in
        bin | boot | dev | etc | lib* | proc | run | sbin | sys | tmp | usr | var) ;;
        *) if [ -d "$path" ] && [ ! -L "$path" ]; then mount -t tmpfs -o mode=755 tmpfs "$path"; fi ;;
    esac
done

# Nor does it run the services that were enabled here, only what the packages start by themselves.
rm -rf "$root"/etc/systemd/{system,user}/* "$root"/etc/cron* "$root"/etc/polkit-1/rules.d/*
: >"$root/etc/machine-id"
: >"$root/etc/fstab"
echo "$name" >"$root/etc/hostname"
for unit in console-getty.service getty@tty1.service systemd-update-utmp-runlevel.service; do
    ln -s /dev/null "$root/etc/systemd/system/$unit"
done

# Two ordinary users, each with an empty home.
mkdir -p "$root/home"
uid=4001
for user in alice bob; do
    echo "$user:x:$uid:" >>"$root/etc/group"
    echo "$user:x:$uid:$uid::/home/$user:/bin/bash" >>"$root/etc/passwd"
    echo "$user:!:19000::::::" >>"$root/etc/shadow"
    install -d -o "$uid" -g "$uid" -m 700 "$root/home/$user"
    uid=$((uid + 1))
done

cp -R "$dir/files/." "$root/"
echo booting
exec systemd-nspawn --quiet --boot --directory="$root" --machine="$name" --hostname="$name" \
    --register=no --keep-unit --private-network --notify-ready=yes \
    --console=read-only --link-journal=no \
    --bind="$dir/share:/share" --bind="$dir/journal:/var/log/journal" --bind-ro="$dir/bin:/usr/local/bin" \
    systemd.unit=multi-user.target "$@"
