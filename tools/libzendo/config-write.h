/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Configurations as text that is read back as the same. */
#ifndef ZENDO_CONFIG_WRITE_H
#define ZENDO_CONFIG_WRITE_H

#include <stdbool.h>
#include <stdio.h>

#include "config.h"

struct json_object;

/* @place: devices with where they were written, for messages of who opens them. -ENOMEM; @f has its own errors. */
int zendo_config_write(FILE *f, const struct zendo_config *c, bool place);

/*
 * The file @path, with places: whole or not at all, by another name first, which @check (may be NULL) looks at. What it refuses with -errno is
 * not kept.
 */
int zendo_config_write_file(const char *path, const struct zendo_config *c, int (*check)(const char *path, void *userdata), void *userdata);

/* A string of the syntax, with its quotes; what is not plain as \xHH. */
void config_write_string(FILE *f, const char *s);

/* A string, a number or a list of such. */
void config_write_value(FILE *f, struct json_object *o);

/*
 * @text (a file of xl, what "xl list -l" prints of one domain, or zendo's own JSON) as a definition for zendo, in *ret for free(). What has no
 * place in it is a comment with the reason. -EINVAL: it is none of these. A definition that is written may still lack something: read it.
 */
int zendo_config_convert(const struct zendo_config_input *in, char **ret, struct zendo_error *e);

/* A whole file of at most ZENDO_CONFIG_MAX_BYTES, "-" for standard input, in memory for free(). */
int zendo_config_read_text(const char *path, char **ret, size_t *ret_size, struct zendo_error *e);

#endif
