/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The strings of disk = [...] and vif = [...]: the first byte chooses. What is accepted must be read back from its own text as the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config-disk.h"
#include "config-vif.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void disk(const char *text)
{
	struct zendo_error e = { .line = 0 };
	struct zendo_disk a = { .target = NULL }, b = { .target = NULL };
	char *first, *second;

	if (zendo_disk_parse(text, NULL, &a, &e) < 0) {
		if (!e.text[0])
			abort();
		return;
	}
	if (!a.devid || !*a.vdev || (a.target && !a.script && *a.target != '/' && !zendo_disk_target_is_remote(a.target)))
		abort();
	if (zendo_disk_format(&a, true, &first) < 0 || zendo_disk_parse(first, NULL, &b, &e) < 0 ||
	    zendo_disk_format(&b, true, &second) < 0 || strcmp(first, second) != 0)
		abort();
	free(first);
	free(second);
	zendo_disk_clear(&a);
	zendo_disk_clear(&b);
}

static void vif(const char *text)
{
	struct zendo_vif a = { .script = NULL }, b = { .script = NULL };
	struct zendo_error e = { .line = 0 };
	char *first, *second;

	if (zendo_vif_parse(text, NULL, &a, &e) < 0) {
		if (!e.text[0])
			abort();
		return;
	}
	if ((a.has_mac && a.mac[0] & 1) || (*a.bridge && !zendo_ifname_is_valid(a.bridge, NULL)))
		abort();
	if (zendo_vif_format(&a, true, &first) < 0 || zendo_vif_parse(first, NULL, &b, &e) < 0 ||
	    zendo_vif_format(&b, true, &second) < 0 || strcmp(first, second) != 0)
		abort();
	free(first);
	free(second);
	zendo_vif_clear(&a);
	zendo_vif_clear(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size < 1)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	if (!text)
		return 0;
	if (data[0] == 'd')
		disk(text);
	else
		vif(text);
	free(text);
	return 0;
}
