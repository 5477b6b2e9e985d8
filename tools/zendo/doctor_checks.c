/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The checks. They only look: nothing is loaded or changed, and most need no rights. The hypervisor decides
 * for itself when it is launched; this says beforehand what it will say, and what to do.
 */
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "cleanup.h"
#include "device.h"
#include "doctor.h"
#include "doctor_keys.h"
#include "host.h"

#define FIRMWARE	"/lib/firmware"
#define IMAGE		"zendo/hypervisor.elf"

/* ---- what Linux tells ---- */

/* The first line of a small file without its newline; "" when it cannot be read. */
static const char *read_line(const char *path, char *buf, size_t size)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");

	if (!f || !fgets(buf, (int)size, f))
		buf[0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return buf;
}

/* Is @word one of the words of @line? */
static bool has_word(const char *line, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = line; (p = strstr(p, word)); p += n)
		if ((p == line || p[-1] == ' ' || p[-1] == '\t') && (!p[n] || strchr(" \t\n", p[n])))
			return true;
	return false;
}

/* A flag of the first CPU in /proc/cpuinfo; Intel's paging features have a line of their own. */
static bool cpu_flag(const char *flag)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/cpuinfo", "re");
	char line[8192];

	while (f && fgets(line, sizeof(line), f) && line[0] != '\n')
		if ((strncmp(line, "flags", 5) == 0 || strncmp(line, "vmx flags", 9) == 0) && has_word(line, flag))
			return true;
	return false;
}

static bool hypervisor_runs(struct hvpriv_info *ret)
{
	_cleanup_close_ int fd = -EBADF;

	return zendo_device_open(&fd) >= 0 && zendo_device_get_info(fd, ret) >= 0 &&
	       (ret->flags & HVPRIV_INFO_RUNNING);
}

static bool is_running(void)
{
	struct hvpriv_info info;

	return hypervisor_runs(&info);
}

/* ---- CPU ---- */

static void check_extension(struct finding *f)
{
	bool svm = cpu_flag("svm"), vmx = cpu_flag("vmx");
	struct hvpriv_info info;

	if (hypervisor_runs(&info))	/* which may hide the flag */
		found(f, DOCTOR_OK, NULL, "in use by the hypervisor (%s)", info.vendor);
	else if (svm || vmx)
		found(f, DOCTOR_OK, NULL, "%s", svm ? "AMD SVM" : "Intel VMX");
	else
		found(f, DOCTOR_FAIL, "switch on SVM or VT-x in the firmware's set-up; in a virtual machine, "
		      "nested virtualisation of the one below",
		      "this CPU has no virtualisation extension, or it is switched off [Z0111]");
}

static void check_nested_paging(struct finding *f)
{
	if (cpu_flag("npt") || cpu_flag("ept") || is_running())
		found(f, DOCTOR_OK, NULL, "there");
	else
		found(f, DOCTOR_FAIL, "another machine: this cannot be switched on",
		      "this CPU has no nested paging (NPT, EPT) [Z0112]");
}

static void check_encryption(struct finding *f)
{
	char cmdline[4096];

	read_line("/proc/cmdline", cmdline, sizeof(cmdline));
	if (cpu_flag("sev_guest") || cpu_flag("tdx_guest"))
		found(f, DOCTOR_FAIL, "an ordinary machine", "this is a confidential guest (SEV or TDX) [Z0113]");
	else if (has_word(cmdline, "mem_encrypt=on"))
		found(f, DOCTOR_FAIL, "take mem_encrypt=on off the kernel's command line",
		      "memory encryption (SME) is in use [Z0114]");
	else
		found(f, DOCTOR_OK, NULL, "not in use");
}

static void check_fred(struct finding *f)
{
	if (cpu_flag("fred"))
		found(f, DOCTOR_FAIL, "put fred=off on the kernel's command line",
		      "the kernel uses FRED, which the hypervisor does not know [Z0115]");
	else
		found(f, DOCTOR_OK, NULL, "not in use");
}

static void check_below(struct finding *f)
{
	if (cpu_flag("hypervisor") && !is_running())
		found(f, DOCTOR_WARN, NULL, "this is itself a virtual machine: nested, and slower than on hardware");
	else
		found(f, DOCTOR_OK, NULL, "none");
}

static void check_smt(struct finding *f)
{
	char active[8];

	if (*read_line("/sys/devices/system/cpu/smt/active", active, sizeof(active)) == '1')
		found(f, DOCTOR_WARN, "where guests do not trust each other: echo off "
		      "> /sys/devices/system/cpu/smt/control",
		      "on: two guests may share a core [Z0118]");
	else
		found(f, DOCTOR_OK, NULL, "off or not there");
}

/* ---- kernel ---- */

static void check_kvm(struct finding *f)
{
	const char *module = access("/sys/module/kvm_amd", F_OK) == 0 ? "kvm_amd" :
			     access("/sys/module/kvm_intel", F_OK) == 0 ? "kvm_intel" : NULL;
	char path[64], count[16] = "0", at_load[8];
	const char *remedy = "modprobe -r kvm_amd kvm_intel";

	if (!module) {
		found(f, DOCTOR_OK, NULL, "not loaded");
		return;
	}
	(void)snprintf(path, sizeof(path), "/sys/module/%s/refcnt", module);
	read_line(path, count, sizeof(count));
	/* Linux 6.12 and later switch the extension on when the module is loaded, and then it is taken */
	read_line("/sys/module/kvm/parameters/enable_virt_at_load", at_load, sizeof(at_load));
	if (strcmp(count, "0") != 0)
		found(f, DOCTOR_FAIL, "stop the virtual machines, then: modprobe -r kvm_amd kvm_intel",
		      "%s is in use by virtual machines [Z0116]", module);
	else if (at_load[0] == 'Y')
		found(f, DOCTOR_FAIL, remedy, "%s is loaded and holds the CPU's virtualisation extension [Z0116]", module);
	else
		found(f, DOCTOR_WARN, remedy, "%s is loaded; launching fails if a virtual machine of it runs [Z0116]", module);
}

static void check_module(struct finding *f)
{
	_cleanup_fclose_ FILE *dep = NULL;
	char path[256], line[4096];
	struct utsname u;

	if (access("/sys/module/hvpriv", F_OK) == 0) {
		found(f, DOCTOR_OK, NULL, "loaded");
		return;
	}
	if (uname(&u) < 0)
		return;
	(void)snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", u.release);
	dep = fopen(path, "re");
	while (dep && fgets(line, sizeof(line), dep))
		if (strstr(line, "/hvpriv.ko")) {
			found(f, DOCTOR_OK, NULL, "there for kernel %s", u.release);
			return;
		}
	found(f, DOCTOR_FAIL, "dkms autoinstall, or 'make install' with this kernel's headers; then depmod",
	      "there is no hvpriv.ko for kernel %s [Z0117]", u.release);
}

/* The folders that the kernel's firmware loader looks into, in its order. */
static void check_firmware(struct finding *f)
{
	char path[512];
	struct utsname u;

	if (uname(&u) < 0)
		return;
	const char *const folders[] = { FIRMWARE "/updates/%s", FIRMWARE "/updates", FIRMWARE "/%s", FIRMWARE };

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		size_t n = strlen(folders[i]);

		if (strcmp(folders[i] + n - 2, "%s") == 0)
			(void)snprintf(path, sizeof(path), "%.*s%s/" IMAGE, (int)n - 2, folders[i], u.release);
		else
			(void)snprintf(path, sizeof(path), "%s/" IMAGE, folders[i]);
		if (access(path, R_OK) == 0) {
			found(f, DOCTOR_OK, NULL, "%s", path);
			return;
		}
	}
	found(f, DOCTOR_FAIL, "install Zendo again", "there is no " FIRMWARE "/" IMAGE " [Z0109]");
}

/* ---- around it ---- */

static void check_device(struct finding *f)
{
	_cleanup_close_ int fd = -EBADF;
	int r = zendo_device_open(&fd);

	if (r >= 0)
		found(f, DOCTOR_OK, NULL, ZENDO_DEVICE_PATH " can be opened");
	else if (r == -ENOENT || r == -ENXIO)
		found(f, DOCTOR_OK, NULL, "not there yet: the module is not loaded");
	else if (r == -EACCES || r == -EPERM)
		found(f, DOCTOR_WARN, "adduser USER zendo, and log in again", "no permission on " ZENDO_DEVICE_PATH " [Z0102]");
	else
		found(f, DOCTOR_FAIL, NULL, "%s", zendo_device_strerror(r));
}

static void check_hypervisor(struct finding *f)
{
	struct hvpriv_info info;

	if (hypervisor_runs(&info))
		found(f, DOCTOR_OK, NULL, "running: %s, %u CPUs", info.build, info.nr_cpus_under);
	else
		found(f, DOCTOR_OK, NULL, "not running; to start it: systemctl start zendo");
}

static void check_systemd(struct finding *f)
{
	if (sd_booted() > 0)
		found(f, DOCTOR_OK, NULL, "runs this machine");
	else
		found(f, DOCTOR_FAIL, "boot with systemd: domains are its services",
		      "this machine was not booted with systemd [Z0119]");
}

static void check_user(struct finding *f)
{
	if (getpwnam("zendo"))
		found(f, DOCTOR_OK, NULL, "there");
	else
		found(f, DOCTOR_WARN, "systemd-sysusers zendo.conf",
		      "there is no user 'zendo': domains run as root [Z0120]");
}

static void check_memory(struct finding *f)
{
	struct zendo_host h;

	if (zendo_host_read(&h) < 0)
		found(f, DOCTOR_WARN, NULL, "/proc cannot be read");
	else if (h.mem_available_kib < ZENDO_HOST_RESERVE_KIB + 128 * 1024)
		found(f, DOCTOR_WARN, "stop something", "%" PRIu64 " MiB are free: too little for a Linux guest [Z0121]",
		      h.mem_available_kib / 1024);
	else
		found(f, DOCTOR_OK, NULL, "%" PRIu64 " of %" PRIu64 " MiB are free", h.mem_available_kib / 1024,
		      (h.mem_total_kib + 512) / 1024);
}

const struct check doctor_checks[] = {
	{ "hypervisor", check_hypervisor },
	{ "virtualisation", check_extension },
	{ "nested paging", check_nested_paging },
	{ "memory encryption", check_encryption },
	{ "FRED", check_fred },
	{ "hypervisor below", check_below },
	{ "SMT", check_smt },
	{ "kvm", check_kvm },
	{ "signatures", check_signatures },
	{ "module", check_module },
	{ "firmware file", check_firmware },
	{ "device", check_device },
	{ "systemd", check_systemd },
	{ "user", check_user },
	{ "memory", check_memory },
	{}
};
