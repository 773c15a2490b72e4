// SPDX-License-Identifier: GPL-2.0
/*
 * Keys of xl.cfg and xm that a file may well hold and that change nothing
 * here. Each is accepted with a warning that says why. A key belongs in this
 * list only if the guest runs as its owner meant without it.
 */
#include <stdlib.h>
#include <string.h>

#include "config_tree.h"

static const char display[] = "guests have no display, use the console";
static const char usb[] = "guests have no USB and no sound";
static const char firmware[] = "the kernel is started without firmware";
static const char scheduler[] = "vCPUs are threads of the host's scheduler";
static const char emulator[] = "vmmd is the only device model";
static const char memory[] = "the host decides how memory is mapped";
static const char cpu[] = "the CPU is what the module offers";
static const char xen[] = "it tunes Xen's hypervisor";
static const char pv[] = "guests get virtio devices";
static const char assigned[] = "devices of the host are not passed through";

static const struct ignored {
	const char *key;
	const char *why;
} ignored[] = {
	{"acpi", firmware},
	{"acpi_firmware", firmware},
	{"acpi_laptop_slate", firmware},
	{"acpi_s3", firmware},
	{"acpi_s4", firmware},
	{"altp2m", xen},
	{"altp2mhvm", xen},
	{"apic", cpu},
	{"argo", xen},
	{"bios", firmware},
	{"bios_path_override", firmware},
	{"blkif", pv},
	{"boot", firmware},
	{"bootargs", firmware},
	{"bootloader_restrict", "the bootloader always works inside the sandbox"},
	{"cap", scheduler},
	{"channel", pv},
	{"claim_mode", memory},
	{"cpu_weight", scheduler},
	{"cpuid", cpu},
	{"cpus_soft", scheduler},
	{"device_model", emulator},
	{"device_model_args", emulator},
	{"device_model_args_hvm", emulator},
	{"device_model_args_pv", emulator},
	{"device_model_override", emulator},
	{"device_model_stubdomain_override", emulator},
	{"device_model_user", emulator},
	{"device_model_version", emulator},
	{"disable_migrate", xen},
	{"dm_restrict", emulator},
	{"driver_domain", xen},
	{"dtdev", assigned},
	{"e820_host", xen},
	{"event_channels", xen},
	{"extratime", scheduler},
	{"features", xen},
	{"firmware", firmware},
	{"gfx_passthru", assigned},
	{"grant_usage", xen},
	{"hap", memory},
	{"hdtype", pv},
	{"hpet", cpu},
	{"init_seclabel", xen},
	{"iomem", assigned},
	{"ioports", assigned},
	{"irqs", assigned},
	{"kernel_restrict", xen},
	{"keymap", display},
	{"localtime", "the guest's clock starts at UTC"},
	{"max_event_channels", xen},
	{"max_grant_frames", xen},
	{"max_grant_version", xen},
	{"max_maptrack_frames", xen},
	{"mca_caps", cpu},
	{"mmio_hole", memory},
	{"monitor", emulator},
	{"ms_vm_genid", firmware},
	{"msitranslate", assigned},
	{"nestedhvm", cpu},
	{"netif", pv},
	{"nodes", memory},
	{"nographic", display},
	{"nomigrate", xen},
	{"nx", cpu},
	{"oos", xen},
	{"opengl", display},
	{"pae", cpu},
	{"parallel", usb},
	{"pci", assigned},
	{"pci_msitranslate", assigned},
	{"pci_permissive", assigned},
	{"pci_power_mgmt", assigned},
	{"pci_seize", assigned},
	{"pool", scheduler},
	{"pvh", "type='pvh' is the key to use"},
	{"pvshim", xen},
	{"pvshim_cmdline", xen},
	{"pvshim_extra", xen},
	{"pvshim_path", xen},
	{"rdm", assigned},
	{"rdm_mem_boundary", assigned},
	{"rtc_timeoffset", "the guest's clock starts at UTC"},
	{"sched", scheduler},
	{"scsi", usb},
	{"sdl", display},
	{"seclabel", xen},
	{"shadow_memory", memory},
	{"smbios", firmware},
	{"smbios_firmware", firmware},
	{"soundhw", usb},
	{"spice", display},
	{"spiceagent_mouse", display},
	{"spicedisable_ticketing", display},
	{"spicehost", display},
	{"spicepasswd", display},
	{"spiceport", display},
	{"spicetls_port", display},
	{"spicevdagent", display},
	{"stdvga", display},
	{"stubdomain_cmdline", emulator},
	{"stubdomain_kernel", emulator},
	{"stubdomain_memory", emulator},
	{"stubdomain_ramdisk", emulator},
	{"suppress_spurious_page_faults", xen},
	{"system_firmware", firmware},
	{"timer_mode", cpu},
	{"tsc_mode", cpu},
	{"usb", usb},
	{"usbctrl", usb},
	{"usbdev", usb},
	{"usbdevice", usb},
	{"usbversion", usb},
	{"vcpu_soft_affinity", scheduler},
	{"vfb", display},
	{"vga", display},
	{"vhpt", xen},
	{"videoram", display},
	{"viridian", cpu},
	{"vkb", display},
	{"vmtrace_buf_kb", xen},
	{"vnc", display},
	{"vncconsole", display},
	{"vncdisplay", display},
	{"vnclisten", display},
	{"vncpasswd", display},
	{"vncunused", display},
	{"vnuma", memory},
	{"vpmu", cpu},
	{"vpt_align", cpu},
	{"xen_platform_pci", pv},
	{"xend_username", xen},
	{"xenstore_quota", xen},
};

static int compare(const void *key, const void *entry)
{
	return strcmp(key, ((const struct ignored *)entry)->key);
}

const char *cfg_ignored(const char *key)
{
	const struct ignored *found = bsearch(key, ignored, sizeof(ignored) / sizeof(*ignored),
					      sizeof(*ignored), compare);

	return found ? found->why : NULL;
}
