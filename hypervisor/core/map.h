/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypervisor's own mappings above image and direct map: per-CPU windows for a moment's look at a
 * frame, shared slots for pages that hot paths use, the APIC page.
 */
#ifndef CORE_MAP_H
#define CORE_MAP_H

#include "core/types.h"

struct cpu;

void map_init(void);		/* first CPU, before anything below */
/* Windows 0..3 of this CPU; a window is remapped at will: no nesting of the same number. */
enum { WINDOW_COPY, WINDOW_WALK, WINDOW_DOM0, WINDOW_SPARE };
void *map_window(int window, mfn_t m);
/* A slot that all CPUs see; NULL when there is none left. */
void *map_shared(mfn_t m);
mfn_t map_shared_mfn(const void *va);
void map_shared_free(void *va);
/* This CPU forgets translations of freed slots. Called on each entry into host mode; cheap when nothing changed. */
void map_sync(struct cpu *c);
/* Extend the direct map by a chunk. -XEN_ENOMEM. */
int __must_check map_direct(hpa_t chunk);
volatile uint32_t *map_apic(void);

#endif
