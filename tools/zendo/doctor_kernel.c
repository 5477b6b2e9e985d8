/* SPDX-License-Identifier: GPL-2.0-only */
/* "zendo doctor --kernel": will the modules build for a kernel that may not be running yet? It only looks. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "doctor.h"
#include "doctor_keys.h"

#define MODULES		"/lib/modules"
#define SOURCES		"/usr/src/zendo-" ZENDO_VERSION
#define FAILED		"/var/lib/zendo-dkms/failed"	/* linux/dkms/modules writes it */

static const char *kernel;
static char remedy[320];	/* of the check that ran last */

bool doctor_set_kernel(const char *release)
{
	if (!*release || strlen(release) > 128 || strchr(release, '/') || strcmp(release, ".") == 0 ||
	    strcmp(release, "..") == 0)
		return false;
	kernel = release;
	return true;
}

static const char *remedy_with(const char *before, const char *name)
{
	(void)snprintf(remedy, sizeof(remedy), "%s%s", before, name);
	return remedy;
}

/* Is there a file @name below the kernel's folder? */
static bool has(const char *name)
{
	char path[512];

	(void)snprintf(path, sizeof(path), MODULES "/%s/%s", kernel, name);
	return access(path, F_OK) == 0;
}

/* A file below the kernel's folder. */
static FILE *open_file(const char *name)
{
	char path[512];

	(void)snprintf(path, sizeof(path), MODULES "/%s/%s", kernel, name);
	return fopen(path, "re");
}

/* The value of @key in the configuration of the headers, without quotes; "" when it is not set. */
static void config(const char *key, char *ret, size_t size)
{
	_cleanup_fclose_ FILE *f = open_file("build/.config");
	size_t n = strlen(key);
	char line[1024];

	ret[0] = '\0';
	if (!f)
		f = open_file("build/include/config/auto.conf");
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, n) != 0 || line[n] != '=')
			continue;
		line[strcspn(line, "\n")] = '\0';
		(void)snprintf(ret, size, "%s", line + n + 1 + strspn(line + n + 1, "\""));
		ret[strcspn(ret, "\"")] = '\0';
	}
}

bool doctor_has_program(const char *name)
{
	static const char *const folders[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin" };
	char path[512];

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folders[i], name);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

static void check_kernel(struct finding *f)
{
	if (has("kernel"))
		found(f, DOCTOR_OK, NULL, "%s", kernel);
	else
		found(f, DOCTOR_FAIL, remedy_with("ls " MODULES "; apt install linux-image-", kernel),
		      "kernel %s is not installed here", kernel);
}

static void check_headers(struct finding *f)
{
	if (has("build/Makefile") && has("build/include"))
		found(f, DOCTOR_OK, NULL, "there");
	else
		found(f, DOCTOR_FAIL, remedy_with("apt install linux-headers-", kernel),
		      "there are no headers of kernel %s", kernel);
}

/* Each kernel's modules are built with the compiler that built the kernel. */
static void check_compiler(struct finding *f)
{
	char compiler[256], *package = compiler;

	config("CONFIG_CC_VERSION_TEXT", compiler, sizeof(compiler));
	compiler[strcspn(compiler, " ")] = '\0';
	if (!*compiler) {
		found(f, DOCTOR_WARN, NULL, "the headers do not say which compiler they are for");
		return;
	}
	if (strncmp(package, "x86_64-linux-gnu-", 17) == 0)
		package += 17;
	if (doctor_has_program(compiler) || doctor_has_program(package))
		found(f, DOCTOR_OK, NULL, "%s", package);
	else
		found(f, DOCTOR_FAIL, remedy_with("apt install ", package), "%s is not installed", package);
}

static void check_programs(struct finding *f)
{
	static const char *const names[] = { "make", "ld", "dkms" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!doctor_has_program(names[i])) {
			found(f, DOCTOR_FAIL, "apt install dkms make binutils", "there is no %s", names[i]);
			return;
		}
	found(f, DOCTOR_OK, NULL, "make, ld and dkms are there");
}

static void check_sources(struct finding *f)
{
	if (access(SOURCES "/dkms.conf", R_OK) == 0)
		found(f, DOCTOR_OK, NULL, SOURCES);
	else
		found(f, DOCTOR_FAIL, "install the package zendo-dkms of this version", "there is no " SOURCES);
}

static bool is_built(void)
{
	_cleanup_fclose_ FILE *dep = open_file("modules.dep");
	char line[4096];

	while (dep && fgets(line, sizeof(line), dep))
		if (strncmp(line, "updates/", 8) == 0 && strstr(line, "/hvpriv.ko"))
			return true;
	return false;
}

static bool has_failed(void)
{
	_cleanup_fclose_ FILE *f = fopen(FAILED, "re");
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, kernel) == 0)
			return true;
	}
	return false;
}

static void check_built(struct finding *f)
{
	if (is_built())
		found(f, DOCTOR_OK, NULL, "built and installed");
	else if (has_failed())
		found(f, DOCTOR_FAIL, remedy_with("mend what is named above, or see the log; then: dkms install zendo/"
		      ZENDO_VERSION " -k ", kernel),
		      "the last build failed; its log: /var/lib/dkms/zendo/" ZENDO_VERSION "/build/make.log");
	else
		found(f, DOCTOR_WARN, remedy_with("dkms install zendo/" ZENDO_VERSION " -k ", kernel), "not built yet");
}

/* Whether the firmware asks for it shows only when that kernel runs. */
static void check_signature(struct finding *f)
{
	const char *key = doctor_dkms_key(DOCTOR_DKMS_CONF);
	enum signature signature = doctor_signature(kernel, key);
	char force[8];

	config("CONFIG_MODULE_SIG_FORCE", force, sizeof(force));
	if (force[0] != 'y')
		found(f, DOCTOR_OK, NULL, "wanted with Secure Boot only%s",
		      signature == SIGNATURE_OURS ? "; the modules are signed with DKMS's key" : "");
	else if (access(key, F_OK) != 0)
		found(f, DOCTOR_FAIL, DOCTOR_MAKE_KEY, "this kernel takes signed modules only, and DKMS has no key");
	else if (signature == SIGNATURE_NONE || signature == SIGNATURE_OTHER)
		found(f, DOCTOR_FAIL, DOCTOR_SIGN, "this kernel takes signed modules only, and those that are there are %s",
		      signature == SIGNATURE_NONE ? "not signed" : "signed with another key than DKMS's");
	else if (doctor_key_state(DOCTOR_MOK_LIST, key) == KEY_ENROLLED)
		found(f, DOCTOR_OK, NULL, "this kernel takes signed modules only, and the firmware knows DKMS's key");
	else
		found(f, DOCTOR_WARN, remedy_with("if it was not done yet, and reboot then: mokutil --import ", key),
		      "this kernel takes signed modules only; %s",
		      signature == SIGNATURE_OURS ? "these are, with DKMS's key" : "DKMS has a key to sign them");
}

const struct check doctor_kernel_checks[] = {
	{ "kernel", check_kernel },
	{ "headers", check_headers },
	{ "compiler", check_compiler },
	{ "programs", check_programs },
	{ "sources", check_sources },
	{ "signature", check_signature },
	{ "modules", check_built },
	{}
};
