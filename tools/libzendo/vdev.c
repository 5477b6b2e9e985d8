/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers of virtual block devices; the table is that of xen-vbd-interface(7). */
#include "config-disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EXTENDED	(1U << 28)	/* disks and partitions that the old numbers have no room for */
#define MAJOR_XVD	202
#define MAJOR_SD	8
#define MAX_DISK	(1U << 20)

/* Digits without a leading zero; *p moves behind them. */
static bool read_number(const char **p, unsigned *ret)
{
	unsigned n = 0;

	if (**p < '1' || **p > '9')
		return false;
	for (; **p >= '0' && **p <= '9'; (*p)++) {
		n = n * 10 + (unsigned)(**p - '0');
		if (n > MAX_DISK)
			return false;
	}
	*ret = n;
	return true;
}

/* a, b, ... z, aa, ab, ...: 0, 1, ... */
static bool read_letters(const char **p, unsigned *ret)
{
	unsigned n = 0;

	if (**p < 'a' || **p > 'z')
		return false;
	for (; **p >= 'a' && **p <= 'z'; (*p)++) {
		n = n * 26 + (unsigned)(**p - 'a') + 1;
		if (n > MAX_DISK)
			return false;
	}
	*ret = n - 1;
	return true;
}

static int extended(unsigned disk, unsigned part, uint32_t *ret)
{
	if (disk >= MAX_DISK || part > 255)
		return -ERANGE;
	*ret = EXTENDED | disk << 8 | part;
	return 0;
}

static int xvd(unsigned disk, unsigned part, uint32_t *ret)
{
	if (disk > 15 || part > 15)
		return extended(disk, part, ret);
	*ret = MAJOR_XVD << 8 | disk << 4 | part;
	return 0;
}

static int sd(unsigned disk, unsigned part, uint32_t *ret)
{
	if (disk > 15 || part > 15)
		return -ERANGE;
	*ret = MAJOR_SD << 8 | disk << 4 | part;
	return 0;
}

/* Two disks on each of the first two controllers. */
static int hd(unsigned disk, unsigned part, uint32_t *ret)
{
	static const unsigned major[] = { 3, 22 };

	if (disk > 3 || part > 63)
		return -ERANGE;
	*ret = major[disk / 2] << 8 | (disk % 2) << 6 | part;
	return 0;
}

static int by_letters(const char *rest, int (*number)(unsigned, unsigned, uint32_t *), uint32_t *ret)
{
	unsigned disk, part = 0;

	if (!read_letters(&rest, &disk) || (*rest && !read_number(&rest, &part)) || *rest)
		return -EINVAL;
	return number(disk, part, ret);
}

/* d2p3, counted from 0; p0 is the whole disk. */
static int by_numbers(const char *p, uint32_t *ret)
{
	unsigned disk = 0, part = 0;

	p++;
	if (*p == '0')
		p++;
	else if (!read_number(&p, &disk))
		return -EINVAL;
	if (*p++ != 'p')
		return -EINVAL;
	if (*p == '0')
		p++;
	else if (!read_number(&p, &part))
		return -EINVAL;
	return *p ? -EINVAL : xvd(disk, part, ret);
}

static int by_value(const char *s, uint32_t *ret)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(s, &end, 0);
	if (*end)
		return -EINVAL;
	if (errno || n == 0 || n >= EXTENDED << 1)
		return -ERANGE;
	*ret = (uint32_t)n;
	return 0;
}

int zendo_vdev_number(const char *vdev, uint32_t *ret)
{
	if (strncmp(vdev, "xvd", 3) == 0)
		return by_letters(vdev + 3, xvd, ret);
	if (strncmp(vdev, "sd", 2) == 0)
		return by_letters(vdev + 2, sd, ret);
	if (strncmp(vdev, "hd", 2) == 0)
		return by_letters(vdev + 2, hd, ret);
	if (vdev[0] == 'd' && vdev[1] >= '0' && vdev[1] <= '9')
		return by_numbers(vdev, ret);
	if (vdev[0] >= '0' && vdev[0] <= '9')
		return by_value(vdev, ret);
	return -EINVAL;
}
