/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdbool.h>
#include <string.h>

#include "config-keys.h"

#define NO_QEMU		"a PVH guest has no emulated devices and no device model"
#define NO_FIRMWARE	"a PVH guest is started without firmware"
#define NO_PASSTHROUGH	"passing devices through is not in this version"
#define NO_BACKEND	"there is no such backend in this version"
#define NO_STUBDOM	"there are no stub domains"
#define NO_XSM		"there are no security labels"
#define NO_SEDF		"Linux's scheduler runs vCPUs; use cpu_weight = and cap ="

#define DONE(key, id)		{ key, CONFIG_DONE, id, NULL }
#define IGNORED(key, reason)	{ key, CONFIG_IGNORED, KEY_NONE, reason }
#define ALWAYS_ON(key, reason)	{ key, CONFIG_ALWAYS_ON, KEY_NONE, reason }
#define REFUSED(key, reason)	{ key, CONFIG_REFUSED, KEY_NONE, reason }

static const struct config_key keys[] = {
	/* what makes a domain */
	DONE("name", KEY_NAME),
	DONE("type", KEY_TYPE),
	DONE("uuid", KEY_UUID),
	DONE("kernel", KEY_KERNEL),
	DONE("ramdisk", KEY_RAMDISK),
	DONE("cmdline", KEY_CMDLINE),
	DONE("root", KEY_ROOT),
	DONE("extra", KEY_EXTRA),
	DONE("memory", KEY_MEMORY),
	DONE("maxmem", KEY_MAXMEM),
	DONE("vcpus", KEY_VCPUS),
	DONE("maxvcpus", KEY_MAXVCPUS),
	DONE("cpus", KEY_CPUS),
	DONE("cpu_weight", KEY_CPU_WEIGHT),
	DONE("cap", KEY_CAP),
	DONE("on_poweroff", KEY_ON_POWEROFF),
	DONE("on_reboot", KEY_ON_REBOOT),
	DONE("on_crash", KEY_ON_CRASH),
	DONE("on_watchdog", KEY_ON_WATCHDOG),
	IGNORED("on_soft_reset", "a soft reset is not in this version: it destroys the domain"),

	REFUSED("builder", "it was replaced by type = \"pvh\""),
	REFUSED("pvh", "it was replaced by type = \"pvh\""),
	REFUSED("bootloader", "give the kernel with kernel = \"...\""),
	REFUSED("bootloader_args", "give the kernel with kernel = \"...\""),
	IGNORED("bootloader_restrict", "there is no bootloader"),
	IGNORED("bootloader_user", "there is no bootloader"),
	REFUSED("firmware", NO_FIRMWARE),
	REFUSED("device_tree", "it is for ARM guests"),

	/* where it runs */
	REFUSED("pool", "there are no CPU pools; use cpus ="),
	REFUSED("cpus_soft", "there is no soft affinity; use cpus ="),
	REFUSED("vnuma", "virtual NUMA is not in this version"),
	REFUSED("nodes", "use cpus ="),
	IGNORED("vcpu_avail", "use vcpus = and maxvcpus ="),
	IGNORED("claim_mode", "memory is taken before the domain exists"),

	/* devices */
	DONE("disk", KEY_DISK),
	DONE("vif", KEY_VIF),
	REFUSED("vtpm", NO_BACKEND),
	REFUSED("p9", NO_BACKEND),
	REFUSED("pvcalls", NO_BACKEND),
	REFUSED("vfb", NO_BACKEND),
	REFUSED("vkb", NO_BACKEND),
	REFUSED("vdispl", NO_BACKEND),
	REFUSED("vsnd", NO_BACKEND),
	REFUSED("channel", NO_BACKEND),
	REFUSED("usbctrl", NO_BACKEND),
	REFUSED("usbdev", NO_BACKEND),
	REFUSED("vscsi", NO_BACKEND),
	REFUSED("virtio", NO_BACKEND),
	REFUSED("pci", NO_PASSTHROUGH),
	REFUSED("pci_permissive", NO_PASSTHROUGH),
	REFUSED("pci_msitranslate", NO_PASSTHROUGH),
	REFUSED("pci_power_mgmt", NO_PASSTHROUGH),
	REFUSED("pci_seize", NO_PASSTHROUGH),
	REFUSED("passthrough", NO_PASSTHROUGH),
	REFUSED("gfx_passthru", NO_PASSTHROUGH),
	REFUSED("rdm", NO_PASSTHROUGH),
	REFUSED("rdm_mem_boundary", NO_PASSTHROUGH),
	REFUSED("dtdev", NO_PASSTHROUGH),
	REFUSED("ioports", NO_PASSTHROUGH),
	REFUSED("iomem", NO_PASSTHROUGH),
	REFUSED("irqs", NO_PASSTHROUGH),

	/* what the guest sees of its CPU and platform */
	DONE("cpuid", KEY_CPUID),
	DONE("msr_relaxed", KEY_MSR_RELAXED),
	REFUSED("nestedhvm", "guests cannot be hypervisors"),
	REFUSED("altp2m", "there is one view of guest memory"),
	REFUSED("altp2mhvm", "there is one view of guest memory"),
	REFUSED("altp2m_count", "there is one view of guest memory"),
	REFUSED("vmtrace_buf_kb", "processor tracing is not in this version"),
	REFUSED("vpmu", "performance counters are not in this version"),
	REFUSED("mca_caps", "machine checks are not passed to guests"),
	REFUSED("e820_host", "it is for PV guests"),
	REFUSED("pvshim", "it is for PV guests"),
	REFUSED("pvshim_path", "it is for PV guests"),
	REFUSED("pvshim_cmdline", "it is for PV guests"),
	REFUSED("pvshim_extra", "it is for PV guests"),
	REFUSED("gic_version", "it is for ARM guests"),
	REFUSED("vuart", "it is for ARM guests"),
	REFUSED("tee", "it is for ARM guests"),
	REFUSED("sve", "it is for ARM guests"),
	REFUSED("nr_spis", "it is for ARM guests"),
	REFUSED("arm_sci", "it is for ARM guests"),
	REFUSED("trap_unmapped_accesses", "it is for ARM guests"),
	REFUSED("llc_colors", "it is for ARM guests"),
	ALWAYS_ON("hap", "nested paging is the only kind there is"),
	ALWAYS_ON("acpi", "a guest finds its CPUs by ACPI"),
	ALWAYS_ON("apic", "a guest starts its CPUs by the APIC"),
	ALWAYS_ON("nx", "it is never hidden"),
	ALWAYS_ON("pae", "it is never hidden"),
	ALWAYS_ON("xen_platform_pci", "the platform is announced by CPUID"),
	IGNORED("oos", "there are no shadow page tables"),
	IGNORED("shadow_memory", "there are no shadow page tables"),
	IGNORED("suppress_spurious_page_faults", "there are no shadow page tables"),
	IGNORED("acpi_s3", "a PVH guest has no sleep states"),
	IGNORED("acpi_s4", "a PVH guest has no sleep states"),
	IGNORED("acpi_laptop_slate", "a PVH guest has no sleep states"),
	IGNORED("tsc_mode", "a guest always reads the native TSC"),
	IGNORED("localtime", "a PVH guest has no RTC"),
	IGNORED("rtc_timeoffset", "a PVH guest has no RTC"),
	IGNORED("timer_mode", "a PVH guest has no emulated timers"),
	IGNORED("vpt_align", "a PVH guest has no emulated timers"),
	IGNORED("hpet", "a PVH guest has no emulated timers"),
	IGNORED("viridian", "Hyper-V's interface is not offered"),
	IGNORED("ms_vm_genid", NO_FIRMWARE),
	IGNORED("vendor_device", NO_QEMU),
	IGNORED("xen_platform_pci_bar_uc", NO_QEMU),
	IGNORED("hvm_pirq", NO_QEMU),

	/* limits and policy */
	DONE("max_event_channels", KEY_MAX_EVENT_CHANNELS),
	DONE("max_grant_frames", KEY_MAX_GRANT_FRAMES),
	DONE("max_maptrack_frames", KEY_MAX_MAPTRACK_FRAMES),
	IGNORED("max_grant_version", "a guest may use both versions"),
	IGNORED("xenstore_quota", "the store's quotas are set for all domains"),
	IGNORED("xenstore_feature_mask", "it is for guests that migrate"),
	IGNORED("nomigrate", "migration is not in this version"),
	IGNORED("xend_suspend_evtchn_compat", "suspending is not in this version"),
	REFUSED("driver_domain", "backends run in dom0"),
	REFUSED("seclabel", NO_XSM),
	REFUSED("init_seclabel", NO_XSM),
	REFUSED("device_model_stubdomain_seclabel", NO_XSM),
	REFUSED("stubdomain_memory", NO_STUBDOM),
	REFUSED("stubdomain_kernel", NO_STUBDOM),
	REFUSED("stubdomain_cmdline", NO_STUBDOM),
	REFUSED("stubdomain_ramdisk", NO_STUBDOM),
	REFUSED("device_model_stubdomain_override", NO_STUBDOM),

	/* HVM only */
	IGNORED("device_model_version", NO_QEMU),
	IGNORED("device_model_override", NO_QEMU),
	IGNORED("device_model_args", NO_QEMU),
	IGNORED("device_model_args_pv", NO_QEMU),
	IGNORED("device_model_args_hvm", NO_QEMU),
	IGNORED("device_model_user", NO_QEMU),
	IGNORED("dm_restrict", NO_QEMU),
	IGNORED("boot", NO_FIRMWARE),
	IGNORED("bios", NO_FIRMWARE),
	IGNORED("bios_path_override", NO_FIRMWARE),
	IGNORED("acpi_firmware", NO_FIRMWARE),
	IGNORED("smbios_firmware", NO_FIRMWARE),
	IGNORED("smbios", NO_FIRMWARE),
	IGNORED("hdtype", NO_QEMU),
	IGNORED("mmio_hole", NO_QEMU),
	IGNORED("vga", NO_QEMU),
	IGNORED("stdvga", NO_QEMU),
	IGNORED("videoram", NO_QEMU),
	IGNORED("vnc", NO_QEMU),
	IGNORED("vnclisten", NO_QEMU),
	IGNORED("vncdisplay", NO_QEMU),
	IGNORED("vncunused", NO_QEMU),
	IGNORED("vncpasswd", NO_QEMU),
	IGNORED("sdl", NO_QEMU),
	IGNORED("opengl", NO_QEMU),
	IGNORED("nographic", NO_QEMU),
	IGNORED("keymap", NO_QEMU),
	IGNORED("spice", NO_QEMU),
	IGNORED("spicehost", NO_QEMU),
	IGNORED("spiceport", NO_QEMU),
	IGNORED("spicetls_port", NO_QEMU),
	IGNORED("spicedisable_ticketing", NO_QEMU),
	IGNORED("spicepasswd", NO_QEMU),
	IGNORED("spiceagent_mouse", NO_QEMU),
	IGNORED("spicevdagent", NO_QEMU),
	IGNORED("spice_clipboard_sharing", NO_QEMU),
	IGNORED("spiceusbredirection", NO_QEMU),
	IGNORED("spice_image_compression", NO_QEMU),
	IGNORED("spice_streaming_video", NO_QEMU),
	IGNORED("serial", "the console is there without it"),
	IGNORED("parallel", NO_QEMU),
	IGNORED("soundhw", NO_QEMU),
	IGNORED("usb", NO_QEMU),
	IGNORED("usbversion", NO_QEMU),
	IGNORED("usbdevice", NO_QEMU),
	IGNORED("vkb_device", NO_QEMU),

	/* not in xl.cfg(5), but xl reads them, or says so of them */
	IGNORED("device_model", NO_QEMU),
	IGNORED("display", NO_QEMU),
	IGNORED("xauthority", NO_QEMU),
	IGNORED("vncviewer", NO_QEMU),
	IGNORED("firmware_override", NO_FIRMWARE),
	IGNORED("period", NO_SEDF),
	IGNORED("slice", NO_SEDF),
	IGNORED("latency", NO_SEDF),
	IGNORED("extratime", NO_SEDF),
	REFUSED("vif2", "use vif ="),
};

#define NR_KEYS (sizeof(keys) / sizeof(keys[0]))

const struct config_key *config_key_at(size_t i)
{
	return i < NR_KEYS ? &keys[i] : NULL;
}

const struct config_key *config_key_find(const char *name)
{
	for (size_t i = 0; i < NR_KEYS; i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

#define MAX_WORD 64

static unsigned min2(unsigned a, unsigned b) { return a < b ? a : b; }

/*
 * Damerau-Levenshtein distance (optimal string alignment): how many characters to insert, remove,
 * replace or swap with their neighbour. Three rows of the usual table are kept.
 */
unsigned config_word_distance(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);
	unsigned row[3][MAX_WORD + 1];

	if (na > MAX_WORD || nb > MAX_WORD)
		return MAX_WORD;
	for (size_t j = 0; j <= nb; j++)
		row[0][j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned *now = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			now[j] = min2(min2(up[j] + 1, now[j - 1] + 1), up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = min2(now[j], up2[j - 2] + 1);
		}
	}
	return row[na % 3][nb];
}

const char *config_key_nearest(const char *name)
{
	unsigned limit = (unsigned)(strlen(name) / 3) + 1, best = limit + 1;
	const char *nearest = NULL;

	/* Keys that work stand first, so they win a tie. */
	for (size_t i = 0; i < NR_KEYS; i++) {
		unsigned d = config_word_distance(name, keys[i].name);

		if (d < best) {
			best = d;
			nearest = keys[i].name;
		}
	}
	return nearest;
}
