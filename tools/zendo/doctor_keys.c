/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Signed modules: whether this kernel takes others, and whether it will know DKMS's key. The kernel asks for signatures by
 * itself (sig_enforce) or when it is locked down, which Secure Boot makes it; it takes the keys of its maker and those of the
 * owner of the machine (MOK), which shim leaves in the variable MokListRT.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cleanup.h"
#include "doctor.h"
#include "doctor_keys.h"
#include "../hotplug/run.h"

#define MAX_VARIABLE	(1024 * 1024)
#define MAX_SERIAL	20	/* bytes, by RFC 5280 */

/* All of a file, however its size is told; -errno. */
static ssize_t read_all(const char *path, char **ret)
{
	_cleanup_free_ char *bytes = malloc(MAX_VARIABLE);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t size = 0;
	ssize_t n;

	if (fd < 0 || !bytes)
		return -errno;
	while ((n = read(fd, bytes + size, MAX_VARIABLE - size)) > 0)
		size += (size_t)n;
	if (n < 0)
		return -errno;
	*ret = TAKE_PTR(bytes);
	return (ssize_t)size;
}

/* The list is one of EFI_SIGNATURE_LISTs; a certificate stands in it as it is in its file (DER). */
enum key_state doctor_key_state(const char *list, const char *key)
{
	_cleanup_free_ char *listed = NULL, *der = NULL;
	ssize_t key_size = read_all(key, &der), size;

	if (key_size == -EACCES)
		return KEY_UNKNOWN;
	if (key_size <= 0)
		return KEY_NONE;
	size = read_all(list, &listed);
	if (size == -EACCES)
		return KEY_UNKNOWN;
	return size > 0 && memmem(listed, (size_t)size, der, (size_t)key_size) ? KEY_ENROLLED : KEY_NOT_ENROLLED;
}

static bool first_is(const char *path, char wanted)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char c;

	return fd >= 0 && read(fd, &c, 1) == 1 && c == wanted;
}

static bool is_locked_down(void)
{
	_cleanup_free_ char *mode = NULL;
	ssize_t n = read_all("/sys/kernel/security/lockdown", &mode);

	return n > 0 && !memmem(mode, (size_t)n, "[none]", 6);
}

/* ---- the key, and what it has signed ---- */

/* The last "mok_certificate=" of a file; it is shell, but nobody writes more than that there. */
static void read_certificate(const char *path, char *ret, size_t size)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char line[512], *value;

	while (f && fgets(line, sizeof(line), f)) {
		value = line + strspn(line, " \t");
		if (strncmp(value, "mok_certificate=", 16) != 0)
			continue;
		value += 16;
		value += strspn(value, "\"'");
		value[strcspn(value, "\"' \t\n")] = '\0';
		(void)snprintf(ret, size, "%s", value);
	}
}

/* In the order in which DKMS reads them. */
const char *doctor_dkms_key(const char *folder)
{
	static char key[512];
	char path[512];
	glob_t more;

	(void)snprintf(key, sizeof(key), "/var/lib/dkms/mok.pub");
	(void)snprintf(path, sizeof(path), "%s/framework.conf", folder);
	read_certificate(path, key, sizeof(key));
	(void)snprintf(path, sizeof(path), "%s/framework.conf.d/*.conf", folder);
	if (glob(path, 0, NULL, &more) == 0) {
		for (size_t i = 0; i < more.gl_pathc; i++)
			read_certificate(more.gl_pathv[i], key, sizeof(key));
		globfree(&more);
	}
	return key;
}

/* A certificate's number is an INTEGER in it: a tag, its length, and a zero before a first bit that would make it negative. */
bool doctor_key_has_serial(const char *key, const char *serial)
{
	uint8_t number[3 + MAX_SERIAL] = { 0x02 };
	_cleanup_free_ char *der = NULL;
	size_t n = 2;
	ssize_t size;

	while (*serial && n < sizeof(number) - 1) {
		char *end;
		unsigned long byte = strtoul(serial, &end, 16);

		if (end == serial || byte > 0xff)
			return false;
		if (n == 2 && byte >= 0x80)
			number[n++] = 0;
		number[n++] = (uint8_t)byte;
		serial = end + (*end == ':');
	}
	number[1] = (uint8_t)(n - 2);
	size = read_all(key, &der);
	return n > 2 && !*serial && size > 0 && memmem(der, (size_t)size, number, n);
}

/* A field of hvpriv's, without the newline; false when the kernel @release does not have it. */
static bool module_field(const char *release, const char *field, char **ret)
{
	const char *const args[] = { "/sbin/modinfo", "-k", release, "-F", field, "hvpriv", NULL };
	_cleanup_free_ char *out = NULL, *err = NULL;

	if (run(args, 10000, &out, &err) != 0)
		return false;
	out[strcspn(out, "\n")] = '\0';
	*ret = TAKE_PTR(out);
	return true;
}

/* modinfo unpacks what is packed. One that was built without openssl does not tell whose a signature is: it is taken for ours. */
enum signature doctor_signature(const char *release, const char *key)
{
	_cleanup_free_ char *id = NULL, *serial = NULL;

	if (!module_field(release, "sig_id", &id) || !module_field(release, "sig_key", &serial))
		return SIGNATURE_UNKNOWN;
	if (!*id)
		return SIGNATURE_NONE;
	return !*serial || doctor_key_has_serial(key, serial) ? SIGNATURE_OURS : SIGNATURE_OTHER;
}

/* ---- the kernel that runs ---- */

static const char *import_remedy(const char *before, const char *key, const char *after)
{
	static char remedy[1024];

	(void)snprintf(remedy, sizeof(remedy), "%smokutil --import %s%s", before, key, after);
	return remedy;
}

static void check_key(struct finding *f, const char *key, const char *why)
{
	switch (doctor_key_state(DOCTOR_MOK_LIST, key)) {
	case KEY_ENROLLED:
		found(f, DOCTOR_OK, NULL, "signed modules only, and DKMS's key is known");
		break;
	case KEY_NOT_ENROLLED:
		found(f, DOCTOR_WARN, import_remedy("", key, ", then reboot and say yes where the firmware asks; or switch Secure Boot off"),
		      "the kernel takes signed modules only%s, and the firmware does not know DKMS's key", why);
		break;
	case KEY_NONE:
		found(f, DOCTOR_WARN, import_remedy(DOCTOR_MAKE_KEY "; then ", key, ", and reboot; or switch Secure Boot off"),
		      "the kernel takes signed modules only%s, and DKMS has no key", why);
		break;
	case KEY_UNKNOWN:
		found(f, DOCTOR_WARN, "ask as root", "the kernel takes signed modules only; whether it knows DKMS's key only root may see");
		break;
	}
}

/* Warnings, as modules may be signed with a key of somebody else. */
void check_signatures(struct finding *f)
{
	const char *key = doctor_dkms_key(DOCTOR_DKMS_CONF), *why;
	enum signature signature;
	struct utsname u;

	if (!is_locked_down() && !first_is("/sys/module/module/parameters/sig_enforce", 'Y')) {
		found(f, DOCTOR_OK, NULL, "any module is taken");
		return;
	}
	why = is_locked_down() ? " (lockdown)" : "";
	signature = uname(&u) == 0 ? doctor_signature(u.release, key) : SIGNATURE_UNKNOWN;
	if (access(key, F_OK) != 0 || signature == SIGNATURE_UNKNOWN || signature == SIGNATURE_OURS)
		check_key(f, key, why);
	else
		found(f, DOCTOR_WARN, DOCTOR_SIGN, "the kernel takes signed modules only%s, and hvpriv is %s", why,
		      signature == SIGNATURE_NONE ? "not signed" : "signed with another key than DKMS's");
}
