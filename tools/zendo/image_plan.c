/* SPDX-License-Identifier: GPL-2.0-only */
#include "image_plan.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#define MIB		(1024ULL * 1024)
#define MOST_MIB	(16ULL * 1024 * 1024)	/* what ext4 with blocks of 4 KiB has */

/* Debian with its kernel and the initrd that has all drivers is some 900 MiB; busybox with four modules a few. */
#define LEAST_DEBIAN	1200
#define DEFAULT_DEBIAN	2048
#define ROOM_DEBIAN	2600		/* the tree, packages, and the same once more in the disk */
#define LEAST_BUSYBOX	32
#define DEFAULT_BUSYBOX	256
#define ROOM_BUSYBOX	96

const char *const image_part_names[IMAGE_PARTS] = { "disk", "kernel", "ramdisk" };

void image_path(const struct image_plan *p, enum image_part part, char ret[static IMAGE_PATH_MAX])
{
	static const char *const suffixes[IMAGE_PARTS] = { "img", "vmlinuz", "initrd" };

	(void)snprintf(ret, IMAGE_PATH_MAX, IMAGE_DIR "/%s.%s", p->name, part == IMAGE_DISK && p->qcow2 ? "qcow2" : suffixes[part]);
}

unsigned image_plan_parts(const struct image_plan *p)
{
	return p->grub ? 1 : IMAGE_PARTS;
}

int image_parse_size(const char *text, uint64_t *ret)
{
	unsigned long long n;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || (strcmp(end, "M") != 0 && strcmp(end, "G") != 0) || n > MOST_MIB)
		return -EINVAL;
	n *= *end == 'G' ? 1024 : 1;
	if (n == 0 || n > MOST_MIB)
		return -EINVAL;
	*ret = n * MIB;
	return 0;
}

/* It becomes a domain's, a host's and a file's name, and a word in a definition. */
static int take_name(struct image_plan *p, const char *name, struct zendo_error *e)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	const size_t len = strlen(name);
	const char *why = NULL;

	if (len >= sizeof(p->name))
		return zendo_error(e, -EINVAL, "'%.20s...' is too long for a name, which has at most %zu characters", name, sizeof(p->name) - 1);
	if (!zendo_config_name_is_valid(name, &why))
		return zendo_error(e, -EINVAL, "'%s' cannot be a domain's name: %s", name, why);
	for (size_t i = 0; i < len; i++)
		if (!strchr(letters, name[i]) && (i == 0 || name[i] != '-'))
			return zendo_error(e, -EINVAL, "'%s' cannot be the guest's host name: letters, digits and, behind the first, '-'", name);
	strcpy(p->name, name);
	return 0;
}

/* A word for mmdebstrap that is no option and no shell's: what names of suites and packages have, and of addresses with @more. */
static bool is_word(const char *text, const char *more)
{
	if (!isalnum((unsigned char)*text))
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr("-.+", *text) && !strchr(more, *text))
			return false;
	return true;
}

static int check_words(struct image_plan *p, struct zendo_error *e)
{
	if (p->busybox && p->grub)
		return zendo_error(e, -EINVAL, "--grub is for Debian: the kernel of --busybox is the one that runs here");
	if (p->busybox && !p->suite && !p->mirror && !p->include)
		return 0;
	if (p->busybox)
		return zendo_error(e, -EINVAL, "--suite, --mirror and --include are Debian's, --busybox has none of it");
	p->suite = p->suite ? p->suite : "bookworm";
	if (!is_word(p->suite, ""))
		return zendo_error(e, -EINVAL, "'%s' is no name of a suite", p->suite);
	if (p->mirror && !is_word(p->mirror, ":/_~%@"))
		return zendo_error(e, -EINVAL, "'%s' is no address of a mirror", p->mirror);
	if (p->include && !is_word(p->include, ","))
		return zendo_error(e, -EINVAL, "'%s' is no list of packages: names with commas", p->include);
	return 0;
}

int image_plan_make(struct image_plan *p, const char *name, const char *size, struct zendo_error *e)
{
	const uint64_t least = p->busybox ? LEAST_BUSYBOX : LEAST_DEBIAN;
	int r = take_name(p, name, e);

	if (r >= 0)
		r = check_words(p, e);
	if (r < 0)
		return r;
	p->size = (p->busybox ? DEFAULT_BUSYBOX : DEFAULT_DEBIAN) * MIB;
	if (size && image_parse_size(size, &p->size) < 0)
		return zendo_error(e, -EINVAL, "'%s' is no size: 512M, 2G", size);
	if (p->size < least * MIB)
		return zendo_error(e, -EINVAL, "%s does not go on a disk of %s: %lluM at least", p->busybox ? "busybox" : "Debian", size,
				   (unsigned long long)least);
	return 0;
}

const struct image_need *image_plan_need(const struct image_plan *p, unsigned i)
{
	static const struct image_need debian[] = { { "mmdebstrap", "mmdebstrap" }, { "mke2fs", "e2fsprogs" }, {} };
	static const struct image_need busybox[] = {
		{ "busybox", "busybox-static" }, { "mke2fs", "e2fsprogs" }, { "cpio", "cpio" }, { "modprobe", "kmod" }, {},
	};
	static const struct image_need qcow2 = { "qemu-img", "qemu-utils" }, grub = { IMAGE_GRUB, "grub-xen-host" };
	const struct image_need *list = p->busybox ? busybox : debian;
	unsigned nr = 0;

	while (list[nr].program)
		nr++;
	if (i < nr)
		return &list[i];
	if (p->qcow2 && i == nr++)
		return &qcow2;
	return p->grub && i == nr ? &grub : NULL;
}

/* Whatever their length: a list of packages may have some thousand bytes. */
__attribute__((format(printf, 2, 3)))
static int add_word(char ***to, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(*to, format, ap);
	va_end(ap);
	if (n < 0)
		return **to = NULL, -ENOMEM;
	++*to;
	return 0;
}

static int add_words(const struct image_plan *p, const char *dir, const char *release, char **to)
{
	int r;

	if ((r = add_word(&to, "%s", p->busybox ? "busybox" : "debian")) < 0 ||
	    (r = add_word(&to, "dir=%s", dir)) < 0 ||
	    (r = add_word(&to, "name=%s", p->name)) < 0 ||
	    (r = add_word(&to, "size=%" PRIu64, p->size)) < 0 ||
	    (r = add_word(&to, "format=%s", p->qcow2 ? "qcow2" : "raw")) < 0 ||
	    (r = add_word(&to, "release=%s", release)) < 0 ||
	    (r = add_word(&to, "suite=%s", p->suite ? p->suite : "")) < 0 ||
	    (r = add_word(&to, "mirror=%s", p->mirror ? p->mirror : "")) < 0 ||
	    (r = add_word(&to, "include=%s", p->include ? p->include : "")) < 0)
		return r;
	return add_word(&to, "grub=%d", p->grub);
}

int image_plan_words(const struct image_plan *p, const char *dir, const char *release, char *ret[static IMAGE_WORDS])
{
	int r;

	memset(ret, 0, IMAGE_WORDS * sizeof(*ret));
	r = add_words(p, dir, release, ret);
	for (unsigned i = 0; r < 0 && i < IMAGE_WORDS; i++) {
		free(ret[i]);
		ret[i] = NULL;
	}
	return r;
}

uint64_t image_plan_room(const struct image_plan *p)
{
	return (p->busybox ? ROOM_BUSYBOX : ROOM_DEBIAN) * MIB;
}

void image_plan_write_definition(FILE *f, const struct image_plan *p)
{
	char paths[IMAGE_PARTS][IMAGE_PATH_MAX];

	for (enum image_part i = 0; i < IMAGE_PARTS; i++)
		image_path(p, i, paths[i]);
	fprintf(f, "# Made by 'zendo image create'; see zendo.cfg(5) for what else can be said.\n"
		"name    = \"%s\"\n", p->name);
	if (p->grub)
		fprintf(f, "# GRUB finds kernel, ramdisk and command line on the disk: /boot/grub/grub.cfg\n"
			"kernel  = \"%s\"\n", IMAGE_GRUB);
	else
		fprintf(f, "kernel  = \"%s\"\n"
			"ramdisk = \"%s\"\n"
			"root    = \"/dev/xvda ro\"\n"
			"extra   = \"console=hvc0 quiet\"\n", paths[IMAGE_KERNEL], paths[IMAGE_RAMDISK]);
	fprintf(f, "memory  = %u\n"
		"vcpus   = 1\n"
		"disk    = [ '%s,%s,xvda,w' ]\n"
		"vif     = [ '' ]\n",
		p->busybox ? 128U : 512U, paths[IMAGE_DISK],
		p->qcow2 ? "qcow2" : "raw");
}

int image_parse_progress(const char *line, const char **ret)
{
	char *end;
	long n;

	if (!isdigit((unsigned char)*line))
		return -EINVAL;
	n = strtol(line, &end, 10);
	if (n > 100 || *end != ' ' || !end[1])
		return -EINVAL;
	*ret = end + 1;
	return (int)n;
}
