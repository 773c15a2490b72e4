/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's configuration: what an xl.cfg file says, checked and typed.
 *
 * The text goes through three small stages: config_lex.c and config_tree.c
 * make a tree of positioned values of it, config_keys.c gives each key its
 * meaning, config_disk.c and config_vif.c read the two little languages that
 * live inside strings. Nothing here opens a device or touches a guest.
 *
 * A struct config belongs to one thread until config_free(); it has no lock.
 */
#ifndef VMMD_CONFIG_H
#define VMMD_CONFIG_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_NAME_MAX	      63 /* bytes; HVCTL_NAME_LEN less the NUL */
#define CONFIG_DISKS_MAX      16 /* one letter of /dev/vdX each, and PCI slots */
#define CONFIG_VIFS_MAX	      8
#define CONFIG_VCPUS_MAX      255 /* xAPIC ids below the broadcast id */
#define CONFIG_VDEV_MAX	      15
#define CONFIG_IFNAME_MAX     15 /* IFNAMSIZ less the NUL */
#define CONFIG_BRIDGE_DEFAULT "hvbr0"

/**
 * struct config_pos - where a value was written
 * @line: from 1; 0 when the value is a default
 * @col: in bytes, from 1
 * @override: the n-th key=value argument, from 1; 0 for the file
 */
struct config_pos {
	unsigned int line;
	unsigned int col;
	unsigned int override;
};

/* Room for a PATH_MAX path, its position, and a sentence about it. */
#define CONFIG_ERROR_LEN (4096 + 512)

/**
 * struct config_error - the first thing that was wrong
 * @text: one line without newline, "FILE:LINE:COL: wrong: expected"
 */
struct config_error {
	char text[CONFIG_ERROR_LEN];
};

enum config_type {
	CONFIG_TYPE_AUTO, /* by what the kernel image offers */
	CONFIG_TYPE_PV,
	CONFIG_TYPE_PVH,
	CONFIG_TYPE_HVM,
};

/* What follows when a guest ends by itself. */
enum config_action {
	CONFIG_DESTROY,
	CONFIG_RESTART,
	CONFIG_RENAME_RESTART, /* keep the corpse under NAME-N, start anew */
	CONFIG_PRESERVE,       /* keep the corpse for the administrator */
	CONFIG_COREDUMP_DESTROY,
	CONFIG_COREDUMP_RESTART,
};

enum config_disk_format {
	CONFIG_DISK_RAW,
	CONFIG_DISK_QCOW,
	CONFIG_DISK_QCOW2,
	CONFIG_DISK_VHD,
	CONFIG_DISK_QED,
	CONFIG_DISK_VMDK,
	CONFIG_DISK_FORMATS,
};

/**
 * struct config_disk - one entry of disk=[...]
 * @path: file or block device, absolute
 * @vdev: the name the file gives it: hda, xvda1, sdb, vdc
 * @format: what the bytes of @path are
 * @readonly: access=r, and always for a CD
 * @cdrom: devtype=cdrom
 * @virtio: the guest finds a virtio disk, not one of Xen's
 * @direct: O_DIRECT asked for by direct-io-safe
 * @discard: the guest may punch holes; on unless no-discard
 * @pos: of the entry
 * @path_pos: of the path inside the entry
 *
 * The guest sees the n-th virtio disk as /dev/vda, ..., and others by their name.
 */
struct config_disk {
	char *path;
	char vdev[CONFIG_VDEV_MAX + 1];
	enum config_disk_format format;
	bool readonly;
	bool cdrom;
	bool virtio;
	bool direct;
	bool discard;
	struct config_pos pos;
	struct config_pos path_pos;
};

enum config_vif_type {
	CONFIG_VIF_AUTO,   /* bridge for who may make taps, else user */
	CONFIG_VIF_BRIDGE, /* a tap on a bridge */
	CONFIG_VIF_USER,   /* passt, no privilege needed */
};

/**
 * struct config_vif - one entry of vif=[...]
 * @type: how packets leave
 * @virtio: the guest finds a virtio card, not one of Xen's
 * @mac: given, or derived from the guest's uuid and the entry's number
 * @bridge: bridge to join, CONFIG_BRIDGE_DEFAULT when not given
 * @ifname: name for the tap (vifname=), empty to let vmmd choose
 * @ip: address text handed to @script, or NULL
 * @script: absolute path of a hotplug script, or NULL
 * @rate: bytes per second the guest may send, 0 for no limit
 * @rate_interval_us: replenishing interval of @rate in microseconds
 * @mtu: in bytes, 0 for the bridge's own
 * @pos: of the entry
 */
struct config_vif {
	enum config_vif_type type;
	bool virtio;
	uint8_t mac[6];
	char bridge[CONFIG_IFNAME_MAX + 1];
	char ifname[CONFIG_IFNAME_MAX + 1];
	char *ip;
	char *script;
	uint64_t rate;
	uint32_t rate_interval_us;
	uint32_t mtu;
	struct config_pos pos;
};

enum config_console {
	CONFIG_CONSOLE_AUTO,   /* what the guest's command line says */
	CONFIG_CONSOLE_SERIAL, /* ttyS0 */
	CONFIG_CONSOLE_VIRTIO, /* hvc0 */
};

#define CONFIG_AUTO UINT32_MAX

/**
 * struct config_grub - the kernel is on the guest's first disk
 * @used: bootloader=pygrub finds it, there is no kernel=
 * @entry: --entry=: number or title of an entry of the menu, or NULL
 * @kernel: --kernel=: path in the guest instead of a menu, or NULL
 * @ramdisk: --ramdisk=: likewise; only with @kernel
 * @args: --args=: words for the command line, or NULL
 */
struct config_grub {
	bool used;
	char *entry;
	char *kernel;
	char *ramdisk;
	char *args;
};

/**
 * struct config - one guest
 * @name: of [A-Za-z0-9_.:+-], no leading dot or dash; the file's name if not given
 * @uuid: in the order it is written
 * @type: how the kernel is entered
 * @kernel: absolute path; NULL with @grub.used
 * @ramdisk: absolute path or NULL
 * @cmdline: the whole kernel command line, never NULL, composed of cmdline=, or
 *	     else of root= (disk names translated) and extra=; with @grub.used it
 *	     is what follows the words that come from the guest's disk
 * @grub: bootloader= and bootloader_args=
 * @memory_mib: RAM at start
 * @maxmem_mib: RAM that the guest could get by taking the balloon in;
 *		at least @memory_mib
 * @vcpus: started at boot
 * @maxvcpus: that a PV guest could bring up; at least @vcpus
 * @affinity_set: whether cpus= was given
 * @affinity: host CPUs the vCPU threads may use
 * @console: what `hvctl console` shows without -t
 * @serial: whether there is a 16550 at 0x3f8
 * @rng: whether there is a virtio entropy device
 * @balloon: whether there is a virtio balloon
 * @vsock_cid: context id for virtio-vsock, 0 for no such device
 * @pv_user_pgd: a PV guest's programs run on page tables without its kernel: 0, 1,
 *		 or CONFIG_AUTO: when the CPU asks for it
 * @device: KVM-ABI node given by device=, or NULL
 * @warnings: one line each, about keys that were accepted and have no effect
 * @n_warnings: entries of @warnings
 * @file: the file's name as given; the prefix of messages
 */
struct config {
	char name[CONFIG_NAME_MAX + 1];
	uint8_t uuid[16];
	enum config_type type;

	char *kernel;
	char *ramdisk;
	char *cmdline;
	struct config_grub grub;

	uint64_t memory_mib;
	uint64_t maxmem_mib;
	unsigned int vcpus;
	unsigned int maxvcpus;
	bool affinity_set;
	cpu_set_t affinity;

	struct config_disk disks[CONFIG_DISKS_MAX];
	unsigned int n_disks;
	struct config_vif vifs[CONFIG_VIFS_MAX];
	unsigned int n_vifs;

	enum config_action on_poweroff;
	enum config_action on_reboot;
	enum config_action on_crash;
	enum config_action on_watchdog;

	enum config_console console;
	bool serial;
	bool rng;
	bool balloon;
	uint32_t vsock_cid;
	uint32_t pv_user_pgd;
	char *device;

	char **warnings;
	size_t n_warnings;
	char *file;

	struct config_pos kernel_pos;
	struct config_pos ramdisk_pos;
};

/**
 * config_parse_file - read a guest's configuration
 * @path: the file
 * @overrides: NULL-terminated "key=value" words that win over the file, or NULL
 * @out: filled on success, to be freed by config_free(); zeroed on failure
 * @err: filled on failure
 *
 * Return: 0; -EINVAL when the text is wrong, another negative errno when the
 * file cannot be read. @err tells it in one line in either case.
 */
int config_parse_file(const char *path, char *const overrides[], struct config *out,
		      struct config_error *err);

/**
 * config_parse_text - the same for text in memory
 * @name: file name used in messages and for the guest's name
 * @text: @len bytes, not NUL terminated
 * @len: in bytes
 * @overrides: as above
 * @out: as above
 * @err: as above
 */
int config_parse_text(const char *name, const char *text, size_t len, char *const overrides[],
		      struct config *out, struct config_error *err);

/**
 * config_parse_disk - read one disk, in the language of disk=[...]
 * @text: the disk
 * @out: filled on success: disks[0]; to be freed by config_free()
 * @err: filled on failure
 *
 * Return: 0; -EINVAL when the text is wrong or names nothing to be served;
 * -ENOMEM.
 */
int config_parse_disk(const char *text, struct config *out, struct config_error *err);

/**
 * config_parse_vif - read one network card, in the language of vif=[...]
 * @text: the card; "" has defaults only
 * @out: filled on success: vifs[0], with an address of random if none is given;
 *	 to be freed by config_free()
 * @err: filled on failure
 *
 * Return: 0; -EINVAL when the text is wrong; -ENOMEM.
 */
int config_parse_vif(const char *text, struct config *out, struct config_error *err);

/**
 * config_check_files - whether all that the configuration names is there
 * @cfg: a parsed configuration
 * @err: filled on failure, with the position of the value at fault
 *
 * Checks kernel, ramdisk and disks with the caller's rights. It is a courtesy
 * to who typed the file: vmmd's own open() is what decides.
 *
 * Return: 0 or a negative errno.
 */
int config_check_files(const struct config *cfg, struct config_error *err);

/**
 * config_error_at - say that the value written at @pos cannot be used
 * @cfg: the configuration it belongs to
 * @pos: position of the value
 * @err: filled with one line
 * @fmt: "what was wrong: what was expected"
 */
void config_error_at(const struct config *cfg, const struct config_pos *pos,
		     struct config_error *err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/**
 * config_to_text - a configuration as text that config_parse_text() makes the same of
 * @cfg: of a PV guest: what others have is left out
 * @len: out: its bytes
 *
 * Return: the text, to be freed, or NULL without memory.
 */
char *config_to_text(const struct config *cfg, size_t *len);

/** config_free - free what config_parse_file() made; @cfg is zeroed */
void config_free(struct config *cfg);

/** config_has_xen - whether the guest finds Xen's interface */
static inline bool config_has_xen(const struct config *cfg)
{
	return cfg->type == CONFIG_TYPE_PV || cfg->type == CONFIG_TYPE_PVH;
}

/** config_name_valid - whether @name can name a guest */
bool config_name_valid(const char *name);

/** config_disk_format_name - the word for @format in a configuration */
const char *config_disk_format_name(enum config_disk_format format);

/** config_disk_format_parse - the format called @name; CONFIG_DISK_FORMATS for none */
enum config_disk_format config_disk_format_parse(const char *name);

/** config_action_name - the word for @action in a file */
const char *config_action_name(enum config_action action);

#define CONFIG_UUID_STRLEN 37

/** config_uuid_format - 16 bytes as text with dashes into @out */
void config_uuid_format(const uint8_t uuid[16], char out[CONFIG_UUID_STRLEN]);

/** config_uuid_parse - text with or without dashes; 0 or -EINVAL */
int config_uuid_parse(const char *text, uint8_t uuid[16]);

#endif /* VMMD_CONFIG_H */
