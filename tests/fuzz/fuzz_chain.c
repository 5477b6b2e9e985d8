/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an image is made of, by its own bytes and by what qemu-img says of it, and what the store keeps of that. Images come from anywhere: the
 * names in them are a stranger's. The first byte chooses.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "chain.h"
#include "claim.h"
#include "magic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void chain(const char *text)
{
	struct zendo_error e = { .line = 0 };
	struct chain c;

	if (chain_parse(text, "/srv/image", &c, &e) < 0) {
		if (!e.text[0])
			abort();
		return;
	}
	if (c.nr == 0 || c.nr > CHAIN_MAX || c.files[0].backing)
		abort();
	for (size_t i = 0; i < c.nr; i++)
		if (*c.files[i].path != '/' && !zendo_disk_target_is_remote(c.files[i].path))
			abort();
	chain_clear(&c);
}

static void claims(const char *text)
{
	char first[CLAIM_SET_TEXT_MAX], second[CLAIM_SET_TEXT_MAX];
	struct claim_set a, b;

	if (claim_set_parse(text, false, &a) < 0)
		return;
	if (claim_set_parse(claim_set_format(&a, first), false, &b) < 0 || strcmp(first, claim_set_format(&b, second)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size == 0)
		return 0;
	if (*data % 3 == 0) {
		const char *name = magic_name(data + 1, (size - 1) / 2, data + 1 + (size - 1) / 2, size - 1 - (size - 1) / 2);

		return magic_fits(name, ZENDO_DISK_RAW) == !name ? 0 : (abort(), 0);
	}
	text = malloc(size);
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	(*data % 3 == 1 ? chain : claims)(text);
	free(text);
	return 0;
}
