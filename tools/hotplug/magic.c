/* SPDX-License-Identifier: GPL-2.0-only */
#include "magic.h"

#include <string.h>

static bool begins(const unsigned char *bytes, size_t nr, size_t at, const char *with, size_t len)
{
	return nr >= at + len && memcmp(bytes + at, with, len) == 0;
}

/* qcow2's specification: "QFI\xfb", then the version, big endian; version 1 is the format before it. */
static const char *qcow_name(const unsigned char *first, size_t nr)
{
	if (!begins(first, nr, 0, "QFI\xfb", 4))
		return NULL;
	return begins(first, nr, 4, "\0\0\0\1", 4) ? "qcow" : "qcow2";
}

const char *magic_name(const unsigned char *first, size_t nr_first, const unsigned char *last, size_t nr_last)
{
	static const struct {
		size_t at, len;
		const char *bytes, *name;
	} known[] = {
		{ 0, 4, "QED\0", "qed" },
		{ 0, 8, "vhdxfile", "vhdx" },
		{ 0, 8, "conectix", "vhd" },			/* dynamic: a copy of the footer is in front */
		{ 0, 4, "KDMV", "vmdk" }, { 0, 4, "COWD", "vmdk" }, { 0, 21, "# Disk DescriptorFile", "vmdk" },
		{ 64, 4, "\x7f\x10\xda\xbe", "vdi" },
		{ 0, 16, "WithoutFreeSpace", "parallels" }, { 0, 16, "WithouFreSpacExt", "parallels" },
	};
	const char *name = qcow_name(first, nr_first);

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]) && !name; i++)
		if (begins(first, nr_first, known[i].at, known[i].bytes, known[i].len))
			name = known[i].name;
	if (!name && begins(last, nr_last, 0, "conectix", 8))	/* of a fixed size: data, then the footer */
		name = "vhd";
	return name;
}

bool magic_fits(const char *name, enum zendo_disk_format f)
{
	return f == ZENDO_DISK_RAW ? !name : name && strcmp(name, zendo_disk_format_name(f)) == 0;
}

bool magic_has_format(const char *name)
{
	for (unsigned f = 0; f < ZENDO_DISK_FORMAT_NR; f++) {
		const char *known = zendo_disk_format_name((enum zendo_disk_format)f);

		if (known && strcmp(known, name) == 0)
			return true;
	}
	return false;
}
