/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Signed modules: whether this kernel takes others, and whether it will know DKMS's key. The kernel asks for signatures by
 * itself (sig_enforce) or when it is locked down, which Secure Boot makes it; it takes the keys of its maker and those of the
 * owner of the machine (MOK), which shim leaves in the variable MokListRT.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "doctor.h"
#include "doctor_keys.h"

#define MAX_VARIABLE	(1024 * 1024)

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

/* Warnings, as modules may be signed with a key of somebody else. */
void check_signatures(struct finding *f)
{
	const bool locked = is_locked_down();

	if (!locked && !first_is("/sys/module/module/parameters/sig_enforce", 'Y')) {
		found(f, DOCTOR_OK, NULL, "any module is taken");
		return;
	}
	switch (doctor_key_state(DOCTOR_MOK_LIST, DOCTOR_DKMS_KEY)) {
	case KEY_ENROLLED:
		found(f, DOCTOR_OK, NULL, "signed modules only, and DKMS's key is known");
		break;
	case KEY_NOT_ENROLLED:
		found(f, DOCTOR_WARN, "mokutil --import " DOCTOR_DKMS_KEY ", then reboot and say yes where the firmware asks; or switch "
		      "Secure Boot off", "the kernel takes signed modules only%s, and the firmware does not know DKMS's key",
		      locked ? " (lockdown)" : "");
		break;
	case KEY_NONE:
		found(f, DOCTOR_WARN, DOCTOR_MAKE_KEY "; then mokutil --import " DOCTOR_DKMS_KEY ", and reboot; or switch Secure Boot off",
		      "the kernel takes signed modules only%s, and DKMS has no key", locked ? " (lockdown)" : "");
		break;
	case KEY_UNKNOWN:
		found(f, DOCTOR_WARN, "ask as root", "the kernel takes signed modules only; whether it knows DKMS's key only root may see");
		break;
	}
}
